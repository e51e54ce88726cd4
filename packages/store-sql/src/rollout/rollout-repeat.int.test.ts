import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import type { RolloutStore } from '@skein/ports';
import {
  changeTo,
  createNodeHasher,
  createSeededRandom,
  creating,
  ending,
  exposing,
  MemoryBlobStore,
  nextRevision,
  rolloutRecord,
  valueOf,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SqlProjectStore } from '../project/sql-project-store.ts';
import { SqlRunStore } from '../run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { Committer, UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import { createSqlRolloutStore } from './sql-rollout-store.ts';

let folder = '';
let database: OpenDatabase;
let rollouts: RolloutStore;
let projects: SqlProjectStore;
let runs: SqlRunStore;
/** What happens between a commit whose answer is lost and its repetition. */
let between: () => Promise<unknown> = async () => {};
let repeats = 0;
const record = rolloutRecord();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-rollout-repeat-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  const { committer, queries } = database;
  between = async () => {};
  repeats = 0;
  /** Every unit is committed, its answer is lost, and it is sent again. */
  const forgetful: Committer = {
    commit: async (unit: WriteUnit): Promise<UnitOutcome> => {
      await committer.commit(unit);
      repeats += 1;
      await between();
      return committer.commit(unit);
    },
  };
  const hasher = createNodeHasher();
  const deps = { committer: forgetful, queries, writer: 'w' };
  rollouts = createSqlRolloutStore(deps);
  projects = new SqlProjectStore({ ...deps, hasher, blobs: new MemoryBlobStore({ hasher }) });
  runs = new SqlRunStore(deps);
  for (const version of ['stable', 'candidate', 'third']) {
    await committer.thread.query(
      `insert into agent_version (tenant, agent_id, number, version_id, content, published_at)
        select ?, 'triage', count(*) + 1, ?, '{}', 0 from agent_version`,
      [tenant, `sha256:${version}`],
    );
  }
  await committer.thread.query(
    `insert into agent_active (tenant, agent_id, version_id) values (?, 'triage', 'sha256:stable')`,
    [tenant],
  );
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const events = async () =>
  (await rollouts.readEvents(tenant, 0, 99)).events.map(({ seq, revision }) => [seq, revision]);
const active = async () => (await projects.activeVersion(tenant, 'triage'))?.versionId;

test('a write whose answer was lost is told as made, and has one event', async () => {
  expect(await rollouts.insert(changeTo(record, 'created'))).toEqual({ status: 'inserted' });
  const paused = nextRevision(record, { status: 'paused' });
  expect(await rollouts.update(changeTo(paused, 'paused'))).toEqual({ status: 'updated' });
  const activates = { versionId: 'sha256:candidate', expected: 'sha256:stable' };
  expect(await rollouts.update({ ...ending(paused, 'completed'), activates })).toEqual({ status: 'updated' });
  expect(await active()).toBe('sha256:candidate');
  expect(await events()).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  expect(repeats).toBe(3);
});

test('a write that another followed before its repetition is told as made all the same', async () => {
  await rollouts.insert(changeTo(record, 'created'));
  const one = nextRevision(record);
  const other = createSqlRolloutStore({ ...database, writer: 'other' });
  between = () => other.update(changeTo(nextRevision(one, { status: 'paused' }), 'paused'));
  expect(await rollouts.update(changeTo(one))).toEqual({ status: 'updated' });
  expect((await rollouts.find(tenant, 'rol_1'))?.status).toBe('paused');
  between = async () => {};
  expect(await rollouts.update(changeTo(nextRevision(one)))).toMatchObject({ status: 'conflict' });
  expect(await rollouts.insert(changeTo(record))).toMatchObject({ status: 'conflict' });
});

test('an activation and a publication that end a rollout may be repeated', async () => {
  await rollouts.insert(changeTo(record, 'created'));
  await projects.activate(tenant, 'triage', 'sha256:candidate', ending(record, 'cancelled'));
  expect(await active()).toBe('sha256:candidate');
  const second = rolloutRecord({ id: 'rol_2', stableVersionId: 'sha256:candidate' });
  await rollouts.insert(changeTo(second, 'created'));
  const content = {
    agentId: 'triage',
    description: '',
    instructions: '',
    model: 'm',
    skills: {},
    tools: 't',
    limits: {},
    subAgents: {},
  };
  const publication = { tenant, dags: [], parts: [], candidates: [], subDags: [], memory: [], at: 1 };
  const published = await projects.publish({
    ...publication,
    agents: [{ versionId: 'sha256:third', content }],
    activate: ['triage'],
    endsRollouts: [ending(second, 'cancelled')],
  });
  expect(published.agents).toMatchObject([{ activated: true }]);
  expect(await active()).toBe('sha256:third');
  expect((await events()).map(([seq]) => seq)).toEqual([1, 2, 3, 4]);
  expect(await rollouts.listLive(tenant)).toEqual([]);
});

test('exposures, tallies, ends and values are counted once', async () => {
  const tallies = [{ rolloutId: 'rol_1', kind: 'routed' as const }];
  await runs.append({ ...creating('run_1'), exposures: [exposing(0), exposing(1)], tallies });
  await rollouts.endUnits(tenant, [{ rolloutId: 'rol_1', seq: 2, state: 'void', at: 3 }]);
  expect(await rollouts.recordValues(tenant, [valueOf(1, 'error', 1), valueOf(1, 'cost', 2)])).toBe(2);
  expect(await rollouts.recordValues(tenant, [valueOf(1, 'error', 1), valueOf(1, 'tokens', 2)])).toBe(1);
  expect(await rollouts.readUnits(tenant, 'rol_1', 0, 9)).toMatchObject([
    { seq: 1, values: { error: 1, cost: 2, tokens: 2 } },
    { seq: 2, unit: 'void-2' },
  ]);
  expect(await rollouts.readTallies(tenant, 'rol_1')).toEqual({ routed: 1 });
});

test('evidence, scores and replays that were saved are told as saved', async () => {
  const evidence = { format: 1, settledSeq: 0, streams: {} } as const;
  for (const version of [0, 1]) expect(await rollouts.saveEvidence(tenant, 'rol_1', version, evidence)).toBe(true);
  expect(await rollouts.saveEvidence(tenant, 'rol_1', 1, evidence)).toBe(false);
  const score = { runId: 'r', agentId: 'a', versionId: 'v', scorer: 's', step: '', value: 1, by: 'b', at: 1 };
  expect(await rollouts.recordScore(tenant, score)).toBe(true);
  expect(await rollouts.recordScore(tenant, score)).toBe(false);
  const replay = { id: 'rpl_1', agentId: 'a', body: '', open: true, at: 1 };
  for (const version of [0, 1]) expect(await rollouts.saveReplay(tenant, { ...replay, version })).toBe(true);
  expect(await rollouts.saveReplay(tenant, { ...replay, version: 1 })).toBe(false);
});

test('writes under way while the thread dies are all made, once each', async () => {
  const random = createSeededRandom(7);
  const { committer, queries } = database;
  const store = createSqlRolloutStore({ committer, queries, writer: 'x' });
  let current = record;
  await store.insert(changeTo(record, 'created'));
  for (let round = 0; round < 10; round += 1) {
    const next = nextRevision(current);
    const rivals = [next, { ...next, onNoData: 'ignore' as const }].map((one) => store.update(changeTo(one)));
    for (let turn = random.integer(20); turn > 0; turn -= 1) await new Promise((resolve) => setImmediate(resolve));
    await committer.thread.terminate();
    expect((await Promise.all(rivals)).map(({ status }) => status)).toEqual(['updated', 'conflict']);
    current = next;
  }
  expect(await store.find(tenant, 'rol_1')).toEqual(current);
  expect(await events()).toEqual(Array.from({ length: 11 }, (_, index) => [index + 1, index + 1]));
});
