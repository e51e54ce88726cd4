import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  FakeClock,
  type StoreHarness,
  type StoresUnderTest,
} from '@skein/testkit';
import Database from 'libsql';
import { afterAll } from 'vitest';
import { createStoresInFolder, openSqlStores, type SqlStoresDeps } from '../src/open-sql-stores.ts';
import { type OpenDatabase, openDatabase } from '../src/sql/open-database.ts';
import { createStoreWatch } from '../src/sql/store-watch.ts';

let opened = 0;

const depsOf = (dataDir: string, clock: FakeClock): SqlStoresDeps => {
  opened += 1;
  // Each opening has ids of its own, as each process has.
  const ids = createSequenceIds(1_000 + opened);
  return { dataDir, clock, ids, log: createMemoryLog(), hasher: createNodeHasher() };
};

/** Removes every row. */
const empty = (path: string): void => {
  const sql = new Database(path, { timeout: 5_000 });
  try {
    sql.exec('pragma foreign_keys = off');
    const tables = sql
      .prepare(
        "select name from sqlite_master where type = 'table' and name not like 'kysely%' and name not like 'sqlite%'",
      )
      .all() as { name: string }[];
    sql.exec(`begin; ${tables.map(({ name }) => `delete from "${name}"`).join(';')}; commit`);
  } finally {
    sql.close();
  }
};

/**
 * A harness over one data folder. Opening its database takes longer than most tests, so it is kept open: each test finds it empty, and has
 * stores and files of its own. Stores that are opened again are opened as a coordinator does it, after the database was closed.
 */
export const createLibsqlHarness = (): Required<StoreHarness> => {
  const clock = new FakeClock();
  let folder: string | undefined;
  let database: OpenDatabase | undefined;
  let stores: StoresUnderTest | undefined;
  const close = async (): Promise<void> => {
    await stores?.close();
    stores = undefined;
  };
  const closeDatabase = async (): Promise<void> => {
    await close();
    await database?.close();
    database = undefined;
  };
  afterAll(async () => {
    await closeDatabase();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });
  return {
    clock,
    open: async () => {
      await close();
      folder ??= await mkdtemp(join(tmpdir(), 'skein-stores-'));
      const deps = depsOf(folder, clock);
      const watch = createStoreWatch(deps);
      const path = join(folder, 'skein.db');
      database ??= await openDatabase({ path, now: clock.now(), watch });
      empty(path);
      for (const name of await readdir(folder))
        if (!name.startsWith('skein.db')) await rm(join(folder, name), { recursive: true });
      stores = await createStoresInFolder(database, watch, deps);
      return stores;
    },
    reopen: async () => {
      if (folder === undefined) throw new Error('nothing was opened');
      await closeDatabase();
      stores = await openSqlStores(depsOf(folder, clock));
      return stores;
    },
    close,
  };
};
