import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import {
  changeTo,
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  ending,
  exposing,
  FakeClock,
  going,
  note,
  rolloutOf,
} from '@skein/testkit';
import { Kysely, Migrator } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores, type SqlStores } from '../open-sql-stores.ts';
import { createThreadDialect } from '../sql/thread-dialect.ts';
import { SqlThread } from '../thread/sql-thread.ts';
import { firstTables } from './0001-first-tables.ts';
import { memoryCallsReferences } from './0002-memory-calls-references.ts';
import { deliveryAndChecksums } from './0003-delivery-and-checksums.ts';

let dataDir = '';
let stores: SqlStores | undefined;

/** A data folder as version 3 of the tables left it: an agent of two versions, a project revision, an open run. */
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-migrate-rollouts-'));
  const thread = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'writer' });
  const migrations = {
    '0001-first-tables': firstTables,
    '0002-memory-calls-references': memoryCallsReferences(0),
    '0003-delivery-and-checksums': deliveryAndChecksums,
  };
  const { error } = await new Migrator({
    db: new Kysely<unknown>({ dialect: createThreadDialect(thread) }),
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  expect(error).toBeUndefined();
  for (const number of [1, 2]) {
    await thread.query(
      'insert into agent_version (tenant, agent_id, number, version_id, content, published_at) values (?, ?, ?, ?, ?, 1000)',
      [tenant, 'triage', number, `sha256:${number}`, JSON.stringify({ agentId: 'triage', number })],
    );
  }
  const writes: [string, (string | number)[]][] = [
    ['insert into agent_active (tenant, agent_id, version_id) values (?, ?, ?)', [tenant, 'triage', 'sha256:1']],
    ['insert into project (tenant, revision) values (?, ?)', [tenant, 7]],
    [
      `insert into run_head (tenant, run_id, dag, dag_digest, status, seq, shard, priority, created_at, partial)
        values (?, 'run_1', 'demo', 'd', 'running', 1, 0, 0, 1000, 0)`,
      [tenant],
    ],
    [
      'insert into run_log (tenant, run_id, seq, count, facts, commit_id) values (?, ?, 1, 1, ?, ?)',
      [tenant, 'run_1', JSON.stringify([note('1')]), 'w.1'],
    ],
  ];
  for (const [sql, params] of writes) await thread.query(sql, params);
  await thread.close();
});

afterEach(async () => {
  await stores?.close();
  stores = undefined;
  await rm(dataDir, { recursive: true, force: true });
});

const open = async (): Promise<SqlStores> => {
  await stores?.close();
  const deps = { clock: new FakeClock(), log: createMemoryLog(), hasher: createNodeHasher() };
  stores = await openSqlStores({ dataDir, ids: createSequenceIds(62), ...deps });
  return stores;
};

test('what the version before had is there, and has no rollout', async () => {
  for (let opening = 0; opening < 2; opening += 1) {
    const { projects, rollouts, runs } = await open();
    expect((await projects.activeVersion(tenant, 'triage'))?.versionId).toBe('sha256:1');
    expect(await projects.listVersions(tenant, 'triage')).toHaveLength(2);
    expect(await projects.revision(tenant)).toBe(7);
    expect(await projects.agentSettings(tenant, 'triage')).toBeUndefined();
    expect(await runs.readFacts(tenant, 'run_1', 0)).toEqual([note('1')]);
    expect(await rollouts.list(tenant, undefined, 0, 0)).toEqual({ rollouts: [], total: 0 });
    expect(await rollouts.listTended()).toEqual([]);
    expect(await rollouts.eventTenants()).toEqual([]);
  }
});

test('old agents are rolled out, and old runs expose units', async () => {
  const { projects, rollouts, runs } = await open();
  const record = rolloutOf({ stable: 'sha256:1', candidate: 'sha256:2' });
  expect(await rollouts.insert(changeTo(record, 'created'))).toEqual({ status: 'inserted' });
  const head = await runs.readHead(tenant, 'run_1');
  if (head === undefined) throw new Error('no head');
  await runs.append({ ...going(head, [note('2')]), exposures: [exposing(0)] });
  expect(await rollouts.readUnits(tenant, 'rol_1', 0, 9)).toMatchObject([{ seq: 1 }]);
  const activates = { versionId: 'sha256:2', expected: 'sha256:1' };
  expect(await rollouts.update({ ...ending(record, 'completed'), activates })).toEqual({ status: 'updated' });
  expect((await projects.activeVersion(tenant, 'triage'))?.versionId).toBe('sha256:2');
  const again = await open();
  expect((await again.rollouts.find(tenant, 'rol_1'))?.status).toBe('completed');
});
