import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DomainError, isDomainError } from '@skein/domain';
import type { StoreWatch } from '../sql/store-watch.ts';
import { fileError, isMissing } from './file-error.ts';
import { inspectWal } from './inspect-wal.ts';

const magic = Buffer.from('SQLite format 3\u0000');

/*
 * SQLite makes a new database where it finds none, or an empty file, and drops a log that it cannot read: each would make a data folder
 * empty without a word. So the folder remembers beside it whether it has a database.
 * D1 `creating` is on disk before the database is made, and `created` only after its tables are: a crash between them begins anew.
 * D2 A folder of an earlier version has no such file; its database is taken as it is, and the file is written.
 */

/** The database file of a data folder, as it is before it is opened. The caller holds the folder. */
export class DatabaseFile {
  readonly path: string;
  readonly #folder: string;
  readonly #marker: string;

  constructor(dataDir: string) {
    this.#folder = dataDir;
    this.path = join(dataDir, 'skein.db');
    this.#marker = join(dataDir, 'skein.db.state');
  }

  /** True when the folder had a database with its tables. */
  get created(): boolean {
    return this.#state() === 'created';
  }

  /** Throws `data_corrupt` when what is there is not what was left, and `unavailable` when it cannot be read. */
  inspect(watch: StoreWatch): void {
    try {
      const state = this.#state();
      const size = sizeOf(this.path);
      const logSize = sizeOf(`${this.path}-wal`) ?? 0;
      if (state !== 'creating') {
        if (size === undefined && (state === 'created' || logSize > 0)) throw harm('the database file is missing');
        if (size === 0) throw harm('the database file is empty');
      }
      if (size !== undefined && size > 0 && !this.#isDatabase()) throw harm('the file is not a database');
      if (size !== undefined && logSize > 0) {
        const { damaged, tornBytes } = inspectWal(`${this.path}-wal`);
        if (damaged) throw harm('the write-ahead log is damaged before its end');
        if (tornBytes > 0) watch.logTorn(tornBytes);
      }
      if (state === undefined && size === undefined) this.#mark('creating');
    } catch (error) {
      throw isDomainError(error) ? error : fileError(error);
    }
  }

  /** The tables are there. */
  markCreated(): void {
    if (this.#state() !== 'created') this.#mark('created');
  }

  /**
   * What to tell of a damaged database: with its path and the way out. With `setAside` its files are renamed first, and the folder begins
   * anew at its next opening. The database is closed.
   */
  refusal(error: DomainError, setAside: boolean, now: number): DomainError {
    const details = { ...error.details, path: this.path };
    if (!setAside) {
      const wayOut = 'restore it from a backup, or open the folder once with the damaged file set aside, to begin anew';
      return new DomainError('data_corrupt', `${error.message}: ${wayOut}`, details, error);
    }
    const aside = this.#freeName(now);
    for (const part of ['', '-wal', '-shm']) {
      if (existsSync(this.path + part)) renameSync(this.path + part, aside + part);
    }
    rmSync(this.#marker, { force: true });
    syncFolder(this.#folder);
    const where = existsSync(aside) ? `the damaged file is now ${aside}` : 'there was no file to set aside';
    const next = 'the next opening begins anew, unless a backup is in its place';
    return new DomainError(
      'data_corrupt',
      `${error.message}: ${where}; ${next}`,
      { ...details, setAside: aside },
      error,
    );
  }

  #freeName(now: number): string {
    const name = `${this.path}.damaged-${now}`;
    for (let count = 0; ; count += 1) {
      const free = count === 0 ? name : `${name}-${count}`;
      if (!existsSync(free) && !existsSync(`${free}-wal`)) return free;
    }
  }

  /** What nobody wrote counts as `created`: better to ask once too often. */
  #state(): 'creating' | 'created' | undefined {
    try {
      return readFileSync(this.#marker, 'utf8').trim() === 'creating' ? 'creating' : 'created';
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error);
    }
  }

  #mark(state: 'creating' | 'created'): void {
    const temporary = `${this.#marker}.tmp`;
    try {
      const file = openSync(temporary, 'w');
      try {
        writeSync(file, `${state}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.#marker);
      syncFolder(this.#folder);
    } catch (error) {
      throw fileError(error);
    }
  }

  #isDatabase(): boolean {
    const file = openSync(this.path, 'r');
    try {
      const start = Buffer.alloc(magic.length);
      return readSync(file, start, 0, start.length, 0) === start.length && start.equals(magic);
    } finally {
      closeSync(file);
    }
  }
}

const harm = (message: string): DomainError => new DomainError('data_corrupt', message);

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;

const syncFolder = (folder: string): void => {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};
