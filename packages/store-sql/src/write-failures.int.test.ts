import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import type { AppendRequest } from '@skein/ports';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  creating,
  deadLetter,
  deliveryEvent,
  FakeClock,
  note,
} from '@skein/testkit';
import Database from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SqlDeliveryStore } from './delivery/sql-delivery-store.ts';
import { openSqlStores } from './open-sql-stores.ts';
import { nextWriter } from './run-log/next-writer.ts';
import { SqlRunStore } from './run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from './sql/open-database.ts';
import { createStoreWatch } from './sql/store-watch.ts';

let folder = '';
let database: OpenDatabase;
let runs: SqlRunStore;
let delivery: SqlDeliveryStore;
let log = createMemoryLog();
const ids = createSequenceIds(98);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-failures-'));
  log = createMemoryLog();
  const watch = createStoreWatch({ log });
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0, busyTimeoutMs: 300, watch });
  const { committer, queries } = database;
  const writer = await nextWriter(queries, committer);
  runs = new SqlRunStore({ committer, queries, writer });
  delivery = new SqlDeliveryStore({ committer, queries, writer });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const pragma = async (text: string): Promise<unknown> =>
  (await database.committer.thread.query(`pragma ${text}`, [])).rows[0];

/** An append with all that comes in its commit, `bytes` of it text. */
const full = (bytes: number): AppendRequest => {
  const runId = ids.next('run');
  const create = creating(runId, { facts: [note('x'.repeat(bytes))] });
  return { ...create, deadLetters: [deadLetter(runId, 0)], events: [deliveryEvent(runId)] };
};

/** None of it is visible: no head, no fact, no letter, no event. */
const expectNothing = async (requests: readonly AppendRequest[]): Promise<void> => {
  const seen = new Set((await delivery.readEvents(tenant, 0, 10_000)).items.map(({ itemId }) => itemId));
  for (const { runId } of requests) {
    expect(await runs.readHead(tenant, runId)).toBeUndefined();
    await expect(runs.readFacts(tenant, runId, 0)).rejects.toMatchObject({ code: 'not_found' });
    expect(await delivery.readDeadLetter(tenant, `dl:${runId}:0`)).toBeUndefined();
    expect(seen.has(runId)).toBe(false);
  }
};

const expectAll = async (requests: readonly AppendRequest[]): Promise<void> => {
  for (const { runId, facts } of requests) expect(await runs.readFacts(tenant, runId, 0)).toEqual(facts);
  const { items } = await delivery.readEvents(tenant, 0, 10_000);
  expect(items.map(({ seq }) => seq)).toEqual(items.map((_, index) => index + 1));
  const told = items.map(({ itemId }) => itemId);
  for (const { runId } of requests) expect(told.filter((itemId) => itemId === runId)).toHaveLength(1);
};

/** All appends at once; which were acknowledged, and why the others were not. */
const settle = async (requests: readonly AppendRequest[]) => {
  const results = await Promise.allSettled(requests.map((request) => runs.append(request)));
  return {
    acknowledged: requests.filter((_, index) => results[index]?.status === 'fulfilled'),
    refused: requests.filter((_, index) => results[index]?.status === 'rejected'),
    reasons: results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])),
  };
};

/** The store refuses with this reason, shows nothing of it, says so when it is probed, and goes on when the cause is gone. */
const expectOutage = async (
  reason: string,
  cause: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> => {
  const before = [full(10), full(10)];
  expect((await settle(before)).refused).toEqual([]);
  await runs.probeWrite();
  await cause();
  const during = Array.from({ length: 30 }, () => full(9_000));
  const { acknowledged, refused, reasons } = await settle(during);
  expect(refused.length).toBeGreaterThan(0);
  for (const error of reasons) expect(error).toMatchObject({ code: 'unavailable', details: { reason } });
  await expect(runs.probeWrite()).rejects.toMatchObject({ code: 'unavailable', details: { reason } });
  await expect(delivery.appendEvents([deliveryEvent('lost '.repeat(20_000))])).rejects.toMatchObject({
    details: { reason },
  });
  await expectNothing(refused);
  await expectAll([...before, ...acknowledged]);
  await end();
  await runs.probeWrite();
  expect((await settle(refused)).refused).toEqual([]);
  await expectAll([...before, ...during]);
};

test('a full database refuses, shows nothing of what it refused, and goes on when there is room [crash 22]', async () => {
  const { page_count: pages } = (await pragma('page_count')) as { page_count: number };
  await expectOutage(
    'disk_full',
    () => pragma(`max_page_count=${pages + 4}`),
    () => pragma('max_page_count=1000000'),
  );
});

test('a database that another holds is refused together, not one after the other, until it is let go [crash 22]', async () => {
  const other = new Database(join(folder, 'test.db'));
  await expectOutage(
    'locked',
    async () => other.exec('begin immediate'),
    async () => other.exec('rollback'),
  );
  other.exec('begin immediate');
  let fastest = Number.POSITIVE_INFINITY;
  // Once in three times: a machine that stands still slows any of them.
  for (let round = 0; round < 3 && fastest >= 6_000; round += 1) {
    const begun = performance.now();
    expect((await settle(Array.from({ length: 40 }, () => full(10)))).acknowledged).toEqual([]);
    fastest = Math.min(fastest, performance.now() - begun);
  }
  // One after the other they would wait for 12 seconds each time.
  expect(fastest).toBeLessThan(6_000);
  other.exec('rollback');
  other.close();
});

test('a connection that may not write refuses, and goes on when it may [crash 22]', async () => {
  await expectOutage(
    'io_error',
    () => pragma('query_only=1'),
    () => pragma('query_only=0'),
  );
});

test('a batch that fails is repeated one by one: what fits is acknowledged, and only that [crash 22]', async () => {
  const { page_count: pages } = (await pragma('page_count')) as { page_count: number };
  await pragma(`max_page_count=${pages + 8}`);
  const requests = Array.from({ length: 20 }, (_, index) => full(index % 2 === 0 ? 10 : 60_000));
  const { acknowledged, refused } = await settle(requests);
  expect(refused.map(({ facts }) => JSON.stringify(facts).length > 50_000)).not.toContain(false);
  expect(acknowledged).toHaveLength(10);
  await expectAll(acknowledged);
  await expectNothing(refused);
  await pragma('max_page_count=1000000');
});

test('a closed database refuses, with its reason', async () => {
  await database.committer.close();
  const refusal = { code: 'unavailable', details: { reason: 'closed' } };
  await expect(runs.append(full(1))).rejects.toMatchObject(refusal);
  await expect(runs.probeWrite()).rejects.toMatchObject(refusal);
});

test('a log that cannot be copied into the file is counted and logged, and appends go on [crash 22]', async () => {
  const { thread } = database.committer;
  const ask = thread.ask.bind(thread);
  const failing = new Error('disk I/O error');
  // The copy beside the commits fails as the disk would fail it; the commits themselves go to the log.
  database.reader.checkpoint = () => Promise.reject(failing);
  thread.ask = (task) => (task.type === 'checkpoint' ? Promise.reject(failing) : ask(task));
  const create = creating(ids.next('run'));
  await runs.append(create);
  const count = 2_100;
  await Promise.all(Array.from({ length: count }, () => runs.append(creating(ids.next('run')))));
  await expect.poll(() => log.lines.length).toBeGreaterThan(0);
  expect(log.lines[0]).toMatchObject({ level: 'warn', fields: { error: 'disk I/O error' } });
  expect(await runs.append(creating(ids.next('run')))).toEqual({ status: 'appended' });
  thread.ask = ask;
});

test('a folder that may not be written is unavailable, not damaged', async (context) => {
  // The superuser may write everywhere.
  if (process.getuid?.() === 0) context.skip('run as root: no folder is read-only');
  const locked = join(folder, 'locked');
  const deps = { clock: new FakeClock(), ids, log: createMemoryLog(), hasher: createNodeHasher() };
  await (await openSqlStores({ dataDir: locked, ...deps })).close();
  await chmod(locked, 0o500);
  await expect(openSqlStores({ dataDir: locked, ...deps })).rejects.toMatchObject({ code: 'unavailable' });
  await chmod(locked, 0o700);
});
