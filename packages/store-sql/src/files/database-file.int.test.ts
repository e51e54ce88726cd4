import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DomainError, defaultTenant as tenant } from '@skein/domain';
import { createMemoryLog, createNodeHasher, createSequenceIds, creating, FakeClock } from '@skein/testkit';
import Database from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores } from '../open-sql-stores.ts';

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-folder-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

let opened = 0;
const open = (setAsideDamaged?: boolean) => {
  opened += 1;
  const deps = { dataDir, clock: new FakeClock(), log: createMemoryLog(), hasher: createNodeHasher() };
  const ids = createSequenceIds(6_000 + opened);
  return openSqlStores({ ...deps, ids, ...(setAsideDamaged === undefined ? {} : { setAsideDamaged }) });
};

const path = () => join(dataDir, 'skein.db');
const marker = () => join(dataDir, 'skein.db.state');

const foreign = (): void => {
  const database = new Database(path());
  database.exec('create table theirs (id integer)');
  database.close();
};

const damages: readonly (readonly [string, string, () => void | Promise<void>])[] = [
  ['missing', 'the database file is missing', () => rm(path())],
  ['empty', 'the database file is empty', () => truncate(path(), 0)],
  ['of another kind', 'the file is not a database', () => writeFile(path(), 'a letter to somebody else '.repeat(400))],
  [
    'a database of somebody else',
    'the file is a database, but not one of Skein',
    async () => {
      await rm(path());
      foreign();
    },
  ],
];

/** Opens, writes a run, and closes. */
const used = async (): Promise<void> => {
  const stores = await open();
  await stores.runs.append(creating('run_1'));
  await stores.close();
};

test.each(damages)(
  'a database that is %s is refused with the way out, and nothing is touched [crash 23]',
  async (_, message, harm) => {
    await used();
    await harm();
    const before = await readFile(path()).catch(() => undefined);
    for (let time = 0; time < 2; time += 1) {
      const error: DomainError = await open().then(
        () => expect.unreachable(),
        (thrown: DomainError) => thrown,
      );
      expect(error).toMatchObject({ code: 'data_corrupt', details: { path: path() } });
      expect(error.message).toContain(message);
      expect(error.message).toContain('backup');
    }
    expect(await readFile(path()).catch(() => undefined)).toEqual(before);
  },
);

test.each(damages)(
  'a database that is %s is set aside only on an explicit wish, and then the folder begins anew',
  async (_, message, harm) => {
    await used();
    await harm();
    const before = await readFile(path()).catch(() => undefined);
    const error: DomainError = await open(true).then(
      () => expect.unreachable(),
      (thrown: DomainError) => thrown,
    );
    expect(error).toMatchObject({ code: 'data_corrupt' });
    expect(error.message).toContain(message);
    const aside = String(error.details?.['setAside']);
    if (before !== undefined) {
      expect(error.message).toContain(aside);
      expect(await readFile(aside)).toEqual(before);
    }
    const stores = await open();
    expect(await stores.runs.readHead(tenant, 'run_1')).toBeUndefined();
    await stores.close();
  },
);

test('a whole database is never set aside', async () => {
  await used();
  const stores = await open(true);
  expect(await stores.runs.readHead(tenant, 'run_1')).toBeDefined();
  await stores.close();
});

test('a log whose database is gone is refused, also in a folder of an earlier version [crash 23]', async () => {
  await writeFile(`${path()}-wal`, 'x'.repeat(8_000));
  await expect(open()).rejects.toMatchObject({ code: 'data_corrupt' });
  expect(await readdir(dataDir)).toContain('skein.db-wal');
});

test('a folder of an earlier version gets its marker when it is opened', async () => {
  await used();
  await rm(marker());
  await used().catch(() => undefined);
  expect(await readFile(marker(), 'utf8')).toBe('created\n');
  await rm(path());
  await expect(open()).rejects.toMatchObject({ code: 'data_corrupt' });
});

test('a process that died while it made the database is no obstacle', async () => {
  await writeFile(marker(), 'creating\n');
  await writeFile(path(), '');
  await used();
  expect(await readFile(marker(), 'utf8')).toBe('created\n');
});
