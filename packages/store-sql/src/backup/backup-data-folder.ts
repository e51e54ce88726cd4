import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DomainError, isDomainError } from '@skein/domain';
import { DatabaseFile } from '../files/database-file.ts';
import { fileError, isMissing } from '../files/file-error.ts';
import { safeName } from '../files/safe-name.ts';
import { SqlThread } from '../thread/sql-thread.ts';

/*
 * A copy of a data folder, taken while a coordinator works on it.
 * U1 The database first, as of one instant between two commits; then the files. Bytes are on disk before a row names them, and blobs are
 *    never removed, so that what the copied rows name is there to be copied.
 * U2 Only the collection of snapshots removes bytes. A part that it removed between the two makes the copy begin anew with the database.
 * U3 The copy has its name only when it is whole and on disk: what a backup that died left behind ends in `.partial`.
 */

const folders = ['blobs', 'snapshot-parts', 'logs'] as const;
const maxCopies = 8;
const maxAttempts = 5;

/** What a backup copied. */
export interface BackupReport {
  /** Of the database and of all files. */
  readonly bytes: number;
  readonly files: number;
}

/**
 * Copies the data folder to `target`, which is made and must not exist. The folder may be in use, also by another process. The copy opens as
 * a data folder, and has all that was acknowledged before the call. Throws `already_exists`, `not_found` for a folder without a database,
 * and `unavailable` when something cannot be read or written; then nothing bears the name `target`.
 */
export const backupDataFolder = async (dataDir: string, target: string): Promise<BackupReport> => {
  const partial = `${target}.partial`;
  try {
    if (await exists(target)) throw new DomainError('already_exists', 'there is something at the place of the backup');
    if (!(await exists(join(dataDir, 'skein.db')))) {
      throw new DomainError('not_found', 'the data folder has no database');
    }
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    for (let attempt = 1; ; attempt += 1) {
      await copyDatabase(dataDir, partial);
      const report = await copyFiles(dataDir, partial);
      if (await isWhole(partial)) {
        new DatabaseFile(partial).markCreated();
        for (const folder of await foldersIn(partial)) await sync(folder);
        await rename(partial, target);
        await sync(dirname(target));
        return report;
      }
      // U2
      if (attempt === maxAttempts) {
        throw new DomainError('unavailable', 'parts of snapshots are gone while their snapshots are there');
      }
    }
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw isDomainError(error) ? error : fileError(error);
  }
};

/** U1. On a connection of its own, so that nobody waits for it. */
const copyDatabase = async (dataDir: string, partial: string): Promise<void> => {
  const path = join(partial, 'skein.db');
  await rm(path, { force: true });
  const thread = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'reader' });
  try {
    await thread.query('vacuum into ?', [path]);
  } finally {
    await thread.close();
  }
  await sync(path);
};

const copyFiles = async (dataDir: string, partial: string): Promise<BackupReport> => {
  const names: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(join(dataDir, folder), { recursive: true, withFileTypes: true }).catch(noneIfMissing);
    for (const entry of entries) {
      if (entry.isFile() && !entry.name.endsWith('.tmp'))
        names.push(join(entry.parentPath, entry.name).slice(dataDir.length + 1));
    }
  }
  let bytes = (await stat(join(partial, 'skein.db'))).size;
  let files = 1;
  for (let at = 0; at < names.length; at += maxCopies) {
    const copied = await Promise.all(
      names.slice(at, at + maxCopies).map((name) => copyOne(join(dataDir, name), join(partial, name))),
    );
    for (const size of copied) {
      if (size === undefined) continue;
      bytes += size;
      files += 1;
    }
  }
  return { bytes, files };
};

/** The bytes of the copy; undefined when there is nothing any more. */
const copyOne = async (from: string, to: string): Promise<number | undefined> => {
  try {
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await sync(to);
    return (await stat(to)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/** Whether all parts that the copied rows list are there: in their own folder, or where earlier versions kept them. */
const isWhole = async (partial: string): Promise<boolean> => {
  const thread = await SqlThread.open({ path: join(partial, 'skein.db'), mode: 'reader' });
  try {
    const { rows } = await thread.query('select distinct tenant, part_digest from snapshot_part', []);
    for (const row of rows) {
      const hex = (row['part_digest'] as string).replace(/^sha256:/, '');
      const name = join(safeName(row['tenant'] as string), hex.slice(0, 2), hex.slice(2));
      const found =
        (await exists(join(partial, 'snapshot-parts', name))) || (await exists(join(partial, 'blobs', name)));
      if (!found) return false;
    }
    return true;
  } finally {
    await thread.close();
  }
};

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
};

const noneIfMissing = (error: unknown): [] => {
  if (isMissing(error)) return [];
  throw error;
};

const foldersIn = async (root: string): Promise<readonly string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return [root, ...entries.flatMap((entry) => (entry.isDirectory() ? [join(entry.parentPath, entry.name)] : []))];
};

const sync = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
