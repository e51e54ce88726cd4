import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import type { Meter } from '@skein/ports';
import { createMemoryLog, createSequenceIds, creating, going, note } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import { createStoreWatch } from '../sql/store-watch.ts';
import { nextWriter } from './next-writer.ts';
import { SqlRunStore } from './sql-run-store.ts';

let folder = '';
let database: OpenDatabase;
let runs: SqlRunStore;
let counted: string[] = [];
let log = createMemoryLog();
const ids = createSequenceIds(97);
const body = new Uint8Array([1, 2, 3]);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-damaged-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  counted = [];
  log = createMemoryLog();
  const meter: Meter = { count: (name) => counted.push(name), gauge: () => undefined, observe: () => undefined };
  const { committer, queries } = database;
  const watch = createStoreWatch({ log, meter });
  runs = new SqlRunStore({ committer, queries, writer: await nextWriter(queries, committer), watch });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Rows of 1, 2, 1 and 2 facts: the facts 1, 2–3, 4 and 5–6. */
const grow = async (status: 'running' | 'succeeded' = 'running'): Promise<string> => {
  const create = creating(ids.next('run'), { status: 'running' });
  await runs.append(create);
  let { head } = create;
  for (const texts of [['2', '3'], ['4'], ['5', '6']]) {
    const last = texts[0] === '5' ? { status, ...(status === 'running' ? {} : { finishedAt: 9 }) } : {};
    const more = going(
      head,
      texts.map((text) => note(text)),
      last,
    );
    await runs.append(more);
    head = more.head;
  }
  return create.runId;
};

const harm = async (sql: string, ...params: (string | number)[]): Promise<void> => {
  expect((await database.committer.thread.query(sql, params)).changes).toBeGreaterThan(0);
};

const refused = (runId: string, seq: number) => ({ code: 'data_corrupt', details: { runId, seq } });

test('a page reads no row that begins behind it', async () => {
  const runId = await grow();
  await harm(`update run_log set facts = replace(facts, '"4"', '"5"') where run_id = ? and seq = 4`, runId);
  expect(await runs.readFacts(tenant, runId, 0, 3)).toHaveLength(3);
  expect(await runs.readFacts(tenant, runId, 1, 2)).toEqual([note('2'), note('3')]);
});

test('a text that changed under its checksum is data_corrupt, naming run and fact, also behind the first page [crash 23]', async () => {
  const runId = await grow();
  await harm(`update run_log set facts = replace(facts, '"4"', '"5"') where run_id = ? and seq = 4`, runId);
  await expect(runs.readFacts(tenant, runId, 0)).rejects.toMatchObject(refused(runId, 4));
  await expect(runs.readFacts(tenant, runId, 3, 1)).rejects.toMatchObject(refused(runId, 4));
  await expect(runs.readFacts(tenant, runId, 0)).rejects.toThrow(runId);
  // What does not touch the damage is still there.
  expect(await runs.readFacts(tenant, runId, 4)).toEqual([note('5'), note('6')]);
});

test('a row that lies in another place, of its run or of another, is found [crash 23]', async () => {
  const [one, other] = [await grow(), await grow()];
  await harm(
    `update run_log set facts = (select facts from run_log where run_id = ? and seq = 4),
    checksum = (select checksum from run_log where run_id = ? and seq = 4) where run_id = ? and seq = 4`,
    other,
    other,
    one,
  );
  await expect(runs.readFacts(tenant, one, 0)).rejects.toMatchObject(refused(one, 4));
  expect(await runs.readFacts(tenant, other, 0)).toHaveLength(6);
});

test.each([
  ['first', 1, 1],
  ['middle', 2, 2],
  ['last', 5, 5],
])('a missing %s row is never a shorter log [crash 23]', async (_, row, seq) => {
  const runId = await grow();
  await harm('delete from run_log where run_id = ? and seq = ?', runId, row);
  await expect(runs.readFacts(tenant, runId, 0)).rejects.toMatchObject(refused(runId, seq));
  await expect(runs.readFacts(tenant, runId, 0, 100)).rejects.toMatchObject(refused(runId, seq));
});

test('a log without rows, without its head, or longer than its head says is data_corrupt, not empty [crash 23]', async () => {
  const [empty, headless, longer] = [await grow(), await grow(), await grow()];
  await harm('delete from run_log where run_id = ?', empty);
  await harm('delete from run_head where run_id = ?', headless);
  await harm('update run_head set seq = 4 where run_id = ?', longer);
  await expect(runs.readFacts(tenant, empty, 0)).rejects.toMatchObject(refused(empty, 1));
  await expect(runs.readFacts(tenant, headless, 0)).rejects.toMatchObject(refused(headless, 1));
  await expect(runs.readFacts(tenant, longer, 0)).rejects.toMatchObject({ code: 'data_corrupt' });
  await expect(runs.readFacts(tenant, 'run_none', 0)).rejects.toMatchObject({ code: 'not_found' });
});

test('rows without a checksum, as an earlier version wrote them, are read unchecked', async () => {
  const runId = await grow();
  await harm('update run_log set checksum = null where run_id = ?', runId);
  expect(await runs.readFacts(tenant, runId, 0)).toHaveLength(6);
  await harm(`update run_log set facts = '[{' where run_id = ? and seq = 4`, runId);
  await expect(runs.readFacts(tenant, runId, 0)).rejects.toMatchObject(refused(runId, 4));
});

test('a damaged state is ignored, counted and logged, and one that is saved later is read again', async () => {
  const runId = await grow();
  await runs.saveCheckpoint({ tenant, runId, seq: 4, body });
  await harm(`update run_checkpoint set body = x'010204' where run_id = ?`, runId);
  expect(await runs.loadCheckpoint(tenant, runId)).toBeUndefined();
  expect(counted).toEqual(['skein_store_state_checkpoints_ignored_total']);
  expect(log.lines).toMatchObject([{ level: 'error', fields: { runId, seq: 4 } }]);
  await runs.saveCheckpoint({ tenant, runId, seq: 6, body });
  expect((await runs.loadCheckpoint(tenant, runId))?.body).toEqual(body);
  await harm('update run_checkpoint set checksum = null where run_id = ?', runId);
  expect((await runs.loadCheckpoint(tenant, runId))?.body).toEqual(body);
});

test('a damaged or missing state of a pruned run is data_corrupt: nothing else has what it had', async () => {
  const [harmed, gone] = [await grow('succeeded'), await grow('succeeded')];
  for (const runId of [harmed, gone]) {
    await runs.saveCheckpoint({ tenant, runId, seq: 6, body });
    expect(await runs.pruneRun(tenant, runId)).toBe(true);
  }
  await harm(`update run_checkpoint set body = x'09' where run_id = ?`, harmed);
  await harm('delete from run_checkpoint where run_id = ?', gone);
  for (const runId of [harmed, gone]) {
    await expect(runs.loadCheckpoint(tenant, runId)).rejects.toMatchObject(refused(runId, 6));
  }
});

test('facts are not removed for a state that is damaged, or cannot be proven', async () => {
  const [harmed, unproven] = [await grow('succeeded'), await grow('succeeded')];
  for (const runId of [harmed, unproven]) await runs.saveCheckpoint({ tenant, runId, seq: 6, body });
  await harm(`update run_checkpoint set body = x'09' where run_id = ?`, harmed);
  await harm('update run_checkpoint set checksum = null where run_id = ?', unproven);
  for (const runId of [harmed, unproven]) {
    expect(await runs.pruneRun(tenant, runId)).toBe(false);
    expect(await runs.readFacts(tenant, runId, 0)).toHaveLength(6);
  }
});
