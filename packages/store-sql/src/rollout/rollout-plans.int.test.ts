import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RolloutStore } from '@skein/ports';
import { exposing, rolloutRecord, valueOf } from '@skein/testkit';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { Schema } from '../sql/schema.ts';
import { createThreadDialect } from '../sql/thread-dialect.ts';
import type { Bound, Committer } from '../sql/write-unit.ts';
import { createExposureInsert, createTallyCount } from './exposure-statements.ts';
import { mayActivate, mayBegin } from './rollout-statements.ts';
import { createSqlRolloutStore } from './sql-rollout-store.ts';

let folder = '';
let database: OpenDatabase;
let rollouts: RolloutStore;
let asked: Bound[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-rollout-plans-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  asked = [];
  const { reader, committer } = database;
  const queries = new Kysely<Schema>({
    dialect: createThreadDialect({
      query: (sql, params) => {
        asked.push({ sql, params });
        return reader.query(sql, params);
      },
    }),
  });
  const watched: Committer = {
    commit: (unit) => {
      asked.push(...unit.guards, ...unit.writes);
      return committer.commit(unit);
    },
  };
  rollouts = createSqlRolloutStore({ committer: watched, queries, writer: 'w' });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const plansOf = async (statements: readonly Bound[]): Promise<string> => {
  const plans: string[] = [];
  for (const { sql, params } of statements) {
    const { rows } = await database.reader.query(`explain query plan ${sql}`, params);
    plans.push(...rows.map(({ detail }) => detail as string));
  }
  return plans.join('\n');
};

const [tenant, id] = ['default', 'rol_1'];

test.each<[string, () => Promise<unknown>]>([
  ['live rollouts', () => rollouts.listLive(tenant)],
  ['tended rollouts', () => rollouts.listTended()],
  ['a page of rollouts', () => rollouts.list(tenant, undefined, 1, 10)],
  ['a page of rollouts of an agent', () => rollouts.list(tenant, 'triage', 1, 10)],
  ['units', () => rollouts.readUnits(tenant, id, 5, 10)],
  ['the units of a run', () => rollouts.unitsOfRun(tenant, 'run_1')],
  ['observations', () => rollouts.listObservations(tenant, id, undefined, 10, '3.error')],
  ['events', () => rollouts.readEvents(tenant, 5, 10)],
  ['open replays', () => rollouts.listReplays({ open: true, limit: 10 })],
  ['replays of an agent', () => rollouts.listReplays({ tenant, agentId: 'triage', limit: 10 })],
  ['scores of a run', () => rollouts.listScores(tenant, 'run_1')],
])('a read of %s walks its index, and sorts nothing', async (_, read) => {
  await read();
  const plan = await plansOf(asked);
  expect(plan).toMatch(/SEARCH|USING (COVERING )?INDEX/);
  expect(plan).not.toMatch(
    /SCAN (?!CONSTANT|rollout USING (COVERING )?INDEX rollout_tended|replay USING INDEX)|TEMP B-TREE FOR ORDER/,
  );
});

test('batches of values and ends look each unit up, and scan none of them', async () => {
  await rollouts.recordValues(tenant, [valueOf(1, 'error', 0)]);
  await rollouts.endUnits(tenant, [{ rolloutId: id, seq: 1, state: 'ended', at: 1 }]);
  expect(await plansOf(asked)).not.toMatch(/SCAN (rollout|unit|stored)/);
});

test('what an append adds, and what guards ask, looks up and scans nothing', async () => {
  const { queries } = database;
  const statements = [
    createExposureInsert(queries)(tenant, exposing(0)),
    createTallyCount(queries)(tenant, { rolloutId: id, kind: 'routed' }),
    mayActivate(queries, tenant, 'triage', 'v'),
    mayBegin(queries, rolloutRecord()),
  ];
  expect(await plansOf(statements)).not.toMatch(/SCAN (?!CONSTANT)/);
});
