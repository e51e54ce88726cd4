import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DomainError, defaultTenant as tenant } from '@skein/domain';
import type { LoggedLine } from '@skein/testkit';
import {
  createMemoryLog,
  createNodeHasher,
  createSeededRandom,
  createSequenceIds,
  creating,
  FakeClock,
  note,
} from '@skein/testkit';
import Database from 'libsql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqlStores, type SqlStores } from '../open-sql-stores.ts';

const seed = 20_261_123;
const random = createSeededRandom(seed);
const frameBytes = 24 + 4_096;
const count = 24;
const runId = (index: number) => `run_${String(index).padStart(3, '0')}`;

let root = '';
let wal = Buffer.alloc(0);
/** Length of the write-ahead log when the append was acknowledged. */
const acknowledgedAt: number[] = [];
let opened = 0;
const lines: LoggedLine[] = [];

const open = (dataDir: string): Promise<SqlStores> => {
  opened += 1;
  const deps = { clock: new FakeClock(), log: createMemoryLog(lines), hasher: createNodeHasher() };
  return openSqlStores({ dataDir, ids: createSequenceIds(5_000 + opened), ...deps });
};

/** A folder as a process leaves it that dies now: everything acknowledged, the last of it only in the log. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skein-wal-'));
  const live = join(root, 'live');
  const stores = await open(live);
  const path = join(live, 'skein.db');
  // The store moves the log into the file when it is idle for a moment; not what a reader may not see yet.
  const reader = new Database(path);
  reader.exec('begin');
  reader.prepare('select count(*) from sqlite_master').all();
  for (let index = 0; index < count; index += 1) {
    await stores.runs.append(creating(runId(index), { facts: [note(runId(index))] }));
    acknowledgedAt.push((await readFile(`${path}-wal`)).length);
  }
  await mkdir(join(root, 'dead'));
  for (const name of ['skein.db', 'skein.db-wal', 'skein.db.state']) {
    await copyFile(join(live, name), join(root, 'dead', name));
  }
  wal = await readFile(join(root, 'dead', 'skein.db-wal'));
  reader.exec('rollback');
  reader.close();
  await stores.close();
});

afterAll(() => rm(root, { recursive: true, force: true }));

/** The dead folder with another log. */
const folderWith = async (bytes: Uint8Array): Promise<string> => {
  const folder = await mkdtemp(join(root, 'case-'));
  for (const name of ['skein.db', 'skein.db.state']) await copyFile(join(root, 'dead', name), join(folder, name));
  await writeFile(join(folder, 'skein.db-wal'), bytes);
  return folder;
};

/** Which runs are there; each of them whole. */
const runsIn = async (stores: SqlStores): Promise<readonly number[]> => {
  const heads = await Promise.all(acknowledgedAt.map((_, index) => stores.runs.readHead(tenant, runId(index))));
  const there = heads.flatMap((head, index) => (head === undefined ? [] : [index]));
  const logs = await Promise.all(there.map((index) => stores.runs.readFacts(tenant, runId(index), 0)));
  expect(logs).toEqual(there.map((index) => [note(runId(index))]));
  return there;
};

test('bytes cut from the end of the log cost only what was written after the cut [crash 23]', async () => {
  for (let round = 0; round < 4; round += 1) {
    const length =
      round === 0 ? wal.length : (acknowledgedAt[0] ?? 0) + random.integer(wal.length - (acknowledgedAt[0] ?? 0));
    const when = `cut at ${length} of ${wal.length}, seed ${seed}`;
    lines.length = 0;
    const stores = await open(await folderWith(wal.subarray(0, length)));
    const expected = acknowledgedAt.flatMap((end, index) => (end <= length ? [index] : []));
    expect(await runsIn(stores), when).toEqual(expected);
    // A cut between two commits leaves no trace in the log; any other is told.
    const clean = length === wal.length || acknowledgedAt.includes(length);
    expect(
      lines.some(({ message }) => message.includes('torn')),
      when,
    ).toBe(!clean);
    await stores.close();
  }
});

test('a byte that flipped in an acknowledged commit is told, and no commit after it is dropped in silence [crash 23]', async () => {
  const [first, last] = [acknowledgedAt[0] ?? 0, acknowledgedAt.at(-2) ?? 0];
  for (let round = 0; round < 4; round += 1) {
    const place = first + random.integer(last - first);
    const bytes = Buffer.from(wal);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << random.integer(8));
    const when = `byte ${place} of ${wal.length}, seed ${seed}`;
    const folder = await folderWith(bytes);
    const error: DomainError = await open(folder).then(
      () => expect.unreachable(when),
      (thrown: DomainError) => thrown,
    );
    expect(error, when).toMatchObject({ code: 'data_corrupt', details: { path: join(folder, 'skein.db') } });
    expect((await readFile(join(folder, 'skein.db-wal'))).equals(bytes), when).toBe(true);
  }
  // The head of the log, without which all of it would be dropped.
  const headless = Buffer.from(wal);
  headless[20] = (headless[20] ?? 0) ^ 4;
  await expect(open(await folderWith(headless))).rejects.toMatchObject({ code: 'data_corrupt' });
});

test('a last commit that is torn was told to nobody, or is told now: the rest is there [crash 23]', async () => {
  const bytes = Buffer.from(wal);
  const place = wal.length - frameBytes + 100;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  lines.length = 0;
  const stores = await open(await folderWith(bytes));
  expect(await runsIn(stores)).toEqual(Array.from({ length: count - 1 }, (_, index) => index));
  expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', message: expect.stringContaining('torn') }));
  await stores.close();
});

test('what undone transactions left behind the end of the log is no damage', async () => {
  // As after failed syncs: two commits that were undone, the longer one first, then a good one over their beginning.
  const lengths = [...acknowledgedAt];
  const [end, before, earlier] = [lengths.at(-1) ?? 0, lengths.at(-2) ?? 0, lengths.at(-3) ?? 0];
  const bytes = Buffer.concat([wal.subarray(0, end), wal.subarray(earlier, before), wal.subarray(before, end)]);
  const second = bytes.length - (end - before);
  // The second leftover continues the first one only in a log that was damaged.
  bytes[second + 16] = (bytes[second + 16] ?? 0) ^ 1;
  const stores = await open(await folderWith(bytes));
  expect(await runsIn(stores)).toHaveLength(count);
  await stores.close();
});
