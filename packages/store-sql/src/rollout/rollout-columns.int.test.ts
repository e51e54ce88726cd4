import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeTo, ending, nextRevision, rolloutRecord } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import { createSqlRolloutStore } from './sql-rollout-store.ts';

let folder = '';
let database: OpenDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-rollout-columns-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** What columns say of a rollout, against its record. */
const differences = `select id from rollout where status <> record ->> 'status' or revision <> record ->> 'revision'
  or agent_id <> record ->> 'agentId' or created_at <> record ->> 'createdAt'
  or completed_at is not record ->> 'completedAt' or tended <> (status in ('active', 'paused') or record ->> 'policyPending' is 1)`;

test('[defect 9] [defect 26] columns say what the record says after each write, instants too', async () => {
  const { committer, queries, reader } = database;
  const store = createSqlRolloutStore({ committer, queries, writer: 'w' });
  const insert =
    "insert into agent_active (tenant, agent_id, version_id) values ('default', 'triage', 'sha256:stable')";
  await committer.thread.query(insert, []);
  const record = rolloutRecord({ status: 'draft' });
  const active = nextRevision(record, { status: 'active' });
  const ended = ending(active, 'rolled_back', { policyPending: true, completedAt: 77 });
  const { policyPending: _, ...done } = nextRevision(ended.record);
  await store.insert(changeTo(record, 'created'));
  expect((await reader.query(differences, [])).rows).toEqual([]);
  for (const change of [changeTo(active, 'activated'), ended, changeTo(done, 'policy_done')]) {
    expect(await store.update(change)).toEqual({ status: 'updated' });
    expect((await reader.query(differences, [])).rows).toEqual([]);
  }
  const { rows } = await reader.query('select status, revision, created_at, completed_at, tended from rollout', []);
  expect(rows).toEqual([{ status: 'rolled_back', revision: 4, created_at: 1_000, completed_at: 77, tended: 0 }]);
});
