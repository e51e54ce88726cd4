import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import Database from 'libsql';

/** The claim of one process on a data folder. */
export interface DataFolderLock {
  /** Idempotent. */
  release(): void;
}

/**
 * Takes the data folder for this process, or throws `unavailable` naming the process that has it.
 * The lock is an exclusive transaction on a small file of its own: the kernel frees it when the process dies, however it dies,
 * so there is no stale lock to judge and no race between two that would take it over. The process id beside it is for people.
 */
export const lockDataFolder = (dataDir: string): DataFolderLock => {
  const pidPath = join(dataDir, 'lock.pid');
  const database = openLock(join(dataDir, 'lock'), pidPath);
  const temporary = `${pidPath}.${process.pid}.tmp`;
  writeFileSync(temporary, `${process.pid}\n`);
  renameSync(temporary, pidPath);
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      rmSync(pidPath, { force: true });
      database.close();
    },
  };
};

const openLock = (path: string, pidPath: string): Database.Database => {
  let database: Database.Database | undefined;
  try {
    database = new Database(path);
    database.exec('PRAGMA busy_timeout=0');
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('SQLITE_BUSY')) {
      throw new DomainError('unavailable', 'the data folder cannot be locked', { path, sqlite: code }, error);
    }
    const pid = pidIn(pidPath);
    const holder = pid === undefined ? 'another process' : `process ${pid}`;
    throw new DomainError('unavailable', `the data folder is in use by ${holder}`, {
      path,
      ...(pid === undefined ? {} : { pid }),
    });
  }
};

const pidIn = (path: string): number | undefined => {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
};
