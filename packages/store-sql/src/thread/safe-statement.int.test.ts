import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import { createMemoryLog, creating, deadLetter } from '@skein/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SqlDeliveryStore } from '../delivery/sql-delivery-store.ts';
import { SqlRunQueue } from '../fleet/sql-run-queue.ts';
import { nextWriter } from '../run-log/next-writer.ts';
import { SqlRunStore } from '../run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import { createStoreWatch } from '../sql/store-watch.ts';

let folder = '';
let database: OpenDatabase;
let runs: SqlRunStore;
let writer = '';
let log = createMemoryLog();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-texts-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  writer = await nextWriter(database.queries, database.committer);
});
beforeEach(async () => {
  for (const table of ['run_head', 'run_log', 'dead_letter', 'queue_hint']) await write(`delete from ${table}`);
  log = createMemoryLog();
  runs = new SqlRunStore({ ...database, writer, watch: createStoreWatch({ log }) });
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const write = (sql: string, ...params: string[]) => database.committer.thread.query(sql, params);
const read = (sql: string) => database.reader.query(sql, []);

/** A text with a byte that no UTF-8 has: libSQL ends the process when it is asked for it. */
const broken = "cast(x'61ff62' as text)";
const corrupt = { code: 'data_corrupt' };

test('values come as they are: texts, numbers, nulls, bytes and expressions, in their order and under their names', async () => {
  const text = 'ä "quoted" \\ \n \u0001 \u{1f600} \uFFFD';
  await write('create table kinds (id text, n bigint, r real, b blob)');
  await write(`insert into kinds values (?, 9007199254740991, 0.1, x'00ff'), ('', -1, 1e300, null)`, text);
  const { rows } = await read(
    `select id, n, r, b, n + 1 as next, cast(id as blob) as bytes, null as none, id as id2 from kinds order by n desc limit 2`,
  );
  expect(rows.map(({ bytes: _bytes, b: _blob, ...row }) => row)).toEqual([
    { id: text, n: 9_007_199_254_740_991, r: 0.1, next: 9_007_199_254_740_992, none: null, id2: text },
    { id: '', n: -1, r: 1e300, next: 0, none: null, id2: '' },
  ]);
  expect(Buffer.from(rows[0]?.['bytes'] as ArrayBuffer).toString()).toBe(text);
  expect([...new Uint8Array(rows[0]?.['b'] as ArrayBuffer)]).toEqual([0, 255]);
  expect(rows[1]?.['b']).toBeNull();
});

test.each([
  ['a text', `select ${broken} as a`],
  ['a text where a number belongs', `select n from (select ${broken} as n)`],
  ['bytes where a text belongs', 'select dag from run_head'],
])('%s that is damaged is data_corrupt, and the process lives [crash 23]', async (_, sql) => {
  await runs.append(creating('run_1'));
  await write("update run_head set dag = x'00'");
  await expect(read(sql)).rejects.toMatchObject(corrupt);
});

test('a damaged head is data_corrupt by itself, hides no other from the lists, and is told of [crash 23]', async () => {
  for (const runId of ['run_1', 'run_2', 'run_3']) await runs.append(creating(runId, { status: 'running' }));
  await write(`update run_head set dag = ${broken} where run_id = 'run_2'`);
  await write(`update run_head set tenant = tenant, status = ${broken} where run_id = 'run_3'`);
  for (const runId of ['run_2', 'run_3']) await expect(runs.readHead(tenant, runId)).rejects.toMatchObject(corrupt);
  const { items } = await runs.listRuns({ tenant, limit: 10 });
  expect(items.map(({ runId, dag }) => [runId, dag.includes('\uFFFD')])).toEqual([
    ['run_2', true],
    ['run_1', false],
  ]);
  expect(log.lines).toMatchObject([{ level: 'error', fields: { runId: 'run_3' } }]);
  const all = Array.from({ length: 256 }, (_, shard) => shard);
  expect((await runs.listOpen(all)).map(({ runId }) => runId)).toEqual(['run_1', 'run_2']);
  await write('update run_head set finished_at = 1');
  await write("update run_head set status = 'succeeded' where run_id <> 'run_3'");
  expect((await runs.listPrunable(9, 9)).map(({ runId }) => runId)).toEqual(['run_1', 'run_2']);
  // The facts are whole.
  expect(await runs.readFacts(tenant, 'run_3', 0)).toHaveLength(1);
});

test('a damaged dead letter is data_corrupt [crash 23]', async () => {
  const create = creating('run_1');
  await runs.append({ ...create, deadLetters: [deadLetter('run_1', 1)] });
  await write(`update dead_letter set letter = ${broken}`);
  const delivery = new SqlDeliveryStore({ ...database, writer });
  await expect(delivery.listDeadLetters({ tenant, limit: 9 })).rejects.toMatchObject(corrupt);
});

test('a damaged hint is claimed, and ends nothing [crash 23]', async () => {
  await write(`insert into queue_hint (tenant, run_id, seq, shard, priority, position, claim, visible_at)
    values ('default', ${broken}, 1, 2, 3, 4, null, 0)`);
  const clock = { monotonicMs: () => 1, after: () => () => undefined };
  const queue = await SqlRunQueue.open({ ...database, clock: clock as never, ids: { next: () => 'cmt_1' } });
  expect(await queue.claim(1, 5)).toMatchObject([{ tenant: 'default', seq: 1, shard: 2, priority: 3 }]);
  await queue.close();
});
