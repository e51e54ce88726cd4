import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError, defaultTenant } from '@skein/domain';
import { createSeededRandom, createSequenceIds, creating, going, note } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nextWriter } from '../run-log/next-writer.ts';
import { SqlRunStore } from '../run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';

let folder = '';
let database: OpenDatabase;
let runs: SqlRunStore;
const ids = createSequenceIds(80);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-commit-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  const { committer, queries } = database;
  runs = new SqlRunStore({ committer, queries, writer: await nextWriter(queries, committer) });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

test('an append whose answer was lost with its thread is settled by what is on disk', async () => {
  const random = createSeededRandom(42);
  for (let round = 0; round < 12; round += 1) {
    const creations = Array.from({ length: 20 }, () =>
      creating(ids.next('run'), { creation: { idempotency: { key: ids.next('cmt'), bodyDigest: 'b' } } }),
    );
    const pending = creations.flatMap((create) => {
      const next = going(create.head, [note('next')], { status: 'running' });
      return [runs.append(create), runs.append(next)];
    });
    const { thread } = database.committer;
    for (let turn = random.integer(40); turn > 0; turn -= 1) await new Promise((resolve) => setImmediate(resolve));
    await thread.terminate();
    expect(await Promise.all(pending), `round ${round}`).toEqual(pending.map(() => ({ status: 'appended' })));
    for (const { runId } of creations) {
      expect(await runs.readFacts(defaultTenant, runId, 1)).toEqual([note('next')]);
      expect((await runs.readHead(defaultTenant, runId))?.seq).toBe(2);
    }
  }
});

test('a repeated unit still tells another writer from itself', async () => {
  const create = creating(ids.next('run'));
  await runs.append(create);
  await runs.append(going(create.head, [note('theirs')]));
  const late = runs.append(going(create.head, [note('ours')]));
  await database.committer.thread.terminate();
  expect(await late).toEqual({ status: 'conflict', seq: 2 });
});

test('a unit that the database rejects fails alone; its neighbours in the batch are committed', async () => {
  const { committer } = database;
  const bad = committer.commit({
    key: 'b',
    guards: [],
    writes: [{ sql: 'insert into no_table values (1)', params: [] }],
  });
  const good = Array.from({ length: 49 }, () => runs.append(creating(ids.next('run'))));
  await expect(bad).rejects.toBeInstanceOf(DomainError);
  expect(await Promise.all(good)).toEqual(good.map(() => ({ status: 'appended' })));
});

test('reads go on after their thread died', async () => {
  const create = creating(ids.next('run'));
  await runs.append(create);
  await database.reader.thread.terminate();
  expect(await runs.readHead(defaultTenant, create.runId)).toEqual(create.head);
});

test('the write-ahead log is folded into the file while appends go on', async () => {
  const create = creating(ids.next('run'));
  await runs.append(create);
  let { head } = create;
  for (let round = 0; round < 1_000; round += 1) {
    const request = going(head, [note('x'.repeat(3_000))]);
    await runs.append(request);
    head = request.head;
  }
  expect(await database.committer.thread.ask({ type: 'checkpoint' })).toBe(true);
  expect(await runs.readFacts(defaultTenant, head.runId, 0)).toHaveLength(1_001);
});
