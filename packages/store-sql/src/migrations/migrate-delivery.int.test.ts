import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  creating,
  deadLetter,
  deliveryEvent,
  FakeClock,
  going,
  note,
} from '@skein/testkit';
import { Kysely, Migrator } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores, type SqlStores } from '../open-sql-stores.ts';
import { createThreadDialect } from '../sql/thread-dialect.ts';
import { SqlThread } from '../thread/sql-thread.ts';
import { firstTables } from './0001-first-tables.ts';
import { memoryCallsReferences } from './0002-memory-calls-references.ts';

let dataDir = '';
let stores: SqlStores | undefined;
const body = new Uint8Array([1, 2, 3]);

/** A data folder as version 2 of the tables left it: runs with facts and folded states, without checksums and without a marker. */
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-migrate-delivery-'));
  const thread = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'writer' });
  const migrations = {
    '0001-first-tables': firstTables,
    '0002-memory-calls-references': memoryCallsReferences(0),
  };
  const { error } = await new Migrator({
    db: new Kysely<unknown>({ dialect: createThreadDialect(thread) }),
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  expect(error).toBeUndefined();
  for (const [runId, status, finishedAt] of [
    ['run_1', 'running', null],
    ['run_2', 'succeeded', 500],
  ] as const) {
    await thread.query(
      `insert into run_head (tenant, run_id, dag, dag_digest, status, seq, shard, priority, created_at, finished_at, partial)
        values (?, ?, 'demo', 'd', ?, 3, 0, 0, 1000, ?, 0)`,
      [tenant, runId, status, finishedAt],
    );
    const facts = 'insert into run_log (tenant, run_id, seq, count, facts, commit_id) values (?, ?, ?, ?, ?, ?)';
    await thread.query(facts, [tenant, runId, 1, 1, JSON.stringify([note('1')]), 'w.1']);
    await thread.query(facts, [tenant, runId, 2, 2, JSON.stringify([note('2'), note('3')]), 'w.2']);
    await thread.query('insert into run_checkpoint (tenant, run_id, seq, body) values (?, ?, 3, ?)', [
      tenant,
      runId,
      body,
    ]);
  }
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
  stores = await openSqlStores({ dataDir, ids: createSequenceIds(61), ...deps });
  return stores;
};

test('facts and states of the version before are all there, and the folder remembers its database', async () => {
  for (let opening = 0; opening < 2; opening += 1) {
    const { runs } = await open();
    for (const runId of ['run_1', 'run_2']) {
      expect(await runs.readFacts(tenant, runId, 0)).toEqual([note('1'), note('2'), note('3')]);
      expect(await runs.loadCheckpoint(tenant, runId)).toEqual({ tenant, runId, seq: 3, body });
      expect(Object.keys((await runs.readHead(tenant, runId)) ?? {})).not.toContain('prunedSeq');
    }
    expect(await readFile(join(dataDir, 'skein.db.state'), 'utf8')).toBe('created\n');
  }
});

test('what is new works on old runs: letters, events, checked rows behind unchecked ones', async () => {
  const { runs, delivery } = await open();
  const head = await runs.readHead(tenant, 'run_1');
  if (head === undefined) throw new Error('no head');
  const more = { deadLetters: [deadLetter('run_1', 0)], events: [deliveryEvent('m1')] };
  expect(await runs.append({ ...going(head, [note('4')]), ...more })).toEqual({ status: 'appended' });
  expect(await runs.readFacts(tenant, 'run_1', 1)).toEqual([note('2'), note('3'), note('4')]);
  expect(await delivery.countDeadLetters()).toBe(1);
  expect((await delivery.readEvents(tenant, 0, 9)).items).toMatchObject([{ seq: 1, itemId: 'm1' }]);
  await runs.append(creating('run_3'));
});

test('an old run is removed only after its state was saved anew, with a checksum', async () => {
  const { runs } = await open();
  expect((await runs.listPrunable(1_000, 9)).map(({ runId }) => runId)).toEqual(['run_2']);
  expect(await runs.pruneRun(tenant, 'run_2')).toBe(false);
  await runs.saveCheckpoint({ tenant, runId: 'run_2', seq: 3, body });
  expect(await runs.pruneRun(tenant, 'run_2')).toBe(true);
  const again = (await open()).runs;
  expect(await again.readHead(tenant, 'run_2')).toMatchObject({ prunedSeq: 3 });
  expect(await again.readFacts(tenant, 'run_2', 0)).toEqual([]);
});
