import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import type { AppendRequest } from '@skein/ports';
import {
  createSequenceIds,
  creating,
  deadLetter,
  deliveryEvent,
  digestOf,
  exposing,
  going,
  note,
  proposing,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { WriteUnit } from '../sql/write-unit.ts';
import { listQuery } from './head-queries.ts';
import { nextWriter } from './next-writer.ts';
import { prunableQuery } from './prune-run.ts';
import { logQuery } from './read-log.ts';
import { SqlRunStore } from './sql-run-store.ts';

let folder = '';
let database: OpenDatabase;
let runs: SqlRunStore;
let sent: WriteUnit[] = [];
const ids = createSequenceIds(96);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-statements-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  const { committer, queries } = database;
  sent = [];
  const watched = {
    commit: (unit: WriteUnit) => {
      sent.push(unit);
      return committer.commit(unit);
    },
  };
  runs = new SqlRunStore({ committer: watched, queries, writer: await nextWriter(queries, committer) });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Statements that the append costs; a unit of several guards is set between a savepoint and its release. */
const costOf = async (request: AppendRequest): Promise<number> => {
  expect(await runs.append(request)).toEqual({ status: 'appended' });
  const { guards, writes } = sent.at(-1) as WriteUnit;
  return guards.length + writes.length + (guards.length > 1 ? 2 : 0);
};

test('a turn of a run without agents costs two statements: the head and the facts', async () => {
  const create = creating(ids.next('run'), { status: 'running' });
  expect(await costOf(create)).toBe(2);
  const on = going(create.head, [note('a')], { dueAt: 5_000 });
  expect(await costOf(on)).toBe(2);
  expect(await costOf(going(on.head, [note('end')], { status: 'succeeded', finishedAt: 1 }))).toBe(2);
});

test('references cost one statement at the end of a run, and none more at its admission than the pin', async () => {
  const digest = digestOf(1);
  const insert = 'insert into snapshot (tenant, digest, manifest, refs, last_used_at) values (?, ?, ?, 0, 0)';
  const write = { sql: insert, params: [tenant, digest, '{}'] };
  await database.committer.commit({ key: '', guards: [], writes: [write] });
  const create = creating(ids.next('run'), { status: 'running', snapshotDigest: digest });
  // Head, pin and facts, between a savepoint and its release.
  expect(await costOf({ ...create, pinsSnapshot: digest })).toBe(5);
  const on = going(create.head, [note('a')]);
  expect(await costOf(on)).toBe(2);
  expect(await costOf({ ...going(on.head, [note('b')]), proposals: [proposing(create.runId, 0)] })).toBe(3);
  const end = going({ ...on.head, seq: on.head.seq + 1 }, [note('end')], { status: 'failed', finishedAt: 1 });
  expect(await costOf(end)).toBe(3);
});

test('a dead letter and an event cost one statement each, in the commit of their facts', async () => {
  const create = creating(ids.next('run'), { status: 'running' });
  const { runId } = create;
  expect(await costOf(create)).toBe(2);
  const [deadLetters, events] = [[deadLetter(runId, 0)], [deliveryEvent('a'), deliveryEvent('b')]];
  expect(await costOf({ ...going(create.head, [note('a')]), deadLetters, events })).toBe(5);
});

test('an exposure and a tally cost one statement each, in the commit of their facts', async () => {
  const create = creating(ids.next('run'), { status: 'running' });
  expect(await costOf({ ...create, tallies: [{ rolloutId: 'rol_1', kind: 'routed' }] })).toBe(3);
  expect(await costOf({ ...going(create.head, [note('a')]), exposures: [exposing(0)] })).toBe(3);
  expect(await costOf({ ...going({ ...create.head, seq: 2 }, [note('b')]), exposures: [], tallies: [] })).toBe(2);
});

test('a batch asks once whether a tenant’s project has moved', async () => {
  const coin = { sql: 'select 1 where abs(random()) % 2 = ?', params: [1] };
  const units = Array.from({ length: 64 }, () =>
    database.committer.commit({ key: '', guards: [{ must: 'hold', ...coin }], writes: [] }),
  );
  expect(new Set((await Promise.all(units)).map(({ status }) => status)).size).toBe(1);
  await runs.append({ ...creating(ids.next('run')), expectsRevision: 0 });
  expect(sent.at(-1)?.guards.map(({ must }) => must)).toEqual(['change', 'hold']);
});

test('a thousand appends with proposals land in few commits', async () => {
  const { thread } = database.committer;
  let commits = 0;
  const ask = thread.ask.bind(thread);
  thread.ask = (task) => {
    if (task.type === 'commit') commits += 1;
    return ask(task);
  };
  const requests = Array.from({ length: 1_000 }, () => {
    const runId = ids.next('run');
    return { ...creating(runId), proposals: [proposing(runId, 0)] };
  });
  const outcomes = await Promise.all(requests.map((request) => runs.append(request)));
  expect(outcomes.every(({ status }) => status === 'appended')).toBe(true);
  expect(commits).toBeLessThanOrEqual(4);
});

test.each([
  ['roots', {}, 'run_head_parent (tenant=? AND parent_run_id=?)'],
  ['children', { parentRunId: 'run_1' }, 'run_head_parent (tenant=? AND parent_run_id=?)'],
  ['a later page of roots', { cursor: 'run_9' }, 'run_head_parent (tenant=? AND parent_run_id=? AND run_id<?)'],
  ['roots of a DAG', { dag: 'demo' }, 'run_head_dag_root (tenant=? AND dag=?)'],
])('a list of %s walks its index, and sorts nothing', async (_, filter, index) => {
  const { sql, params } = bound(listQuery(database.queries, { tenant, limit: 10, ...filter }));
  const { rows } = await database.reader.query(`explain query plan ${sql}`, params);
  expect(rows.map(({ detail }) => detail)).toEqual([`SEARCH run_head USING INDEX ${index}`]);
});

test.each([
  ['a log', (queries: Queries) => logQuery(queries, tenant, 'run_1', 5, 9), /SEARCH head .*SEARCH log USING INDEX/s],
  [
    'runs to be pruned',
    (queries: Queries) => prunableQuery(queries, 9, 9),
    /SEARCH run_head USING INDEX run_head_ended/,
  ],
])('a read of %s walks its index, and sorts nothing', async (_, query, plan) => {
  const { sql, params } = bound(query(database.queries));
  const { rows } = await database.reader.query(`explain query plan ${sql}`, params);
  const text = rows.map(({ detail }) => detail as string).join('\n');
  expect(text).toMatch(plan);
  expect(text).not.toMatch(/SCAN (?!CONSTANT)|TEMP B-TREE/);
});
