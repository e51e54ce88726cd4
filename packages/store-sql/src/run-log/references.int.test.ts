import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTerminalRun, defaultTenant as tenant } from '@skein/domain';
import type { AppendRequest, RunHead } from '@skein/ports';
import { createSeededRandom, createSequenceIds, creating, digestOf, going, note, proposing } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SqlMemoryStore } from '../memory/sql-memory-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { Committer } from '../sql/write-unit.ts';
import { nextWriter } from './next-writer.ts';
import { SqlRunStore } from './sql-run-store.ts';

let folder = '';
let database: OpenDatabase;
const ids = createSequenceIds(95);
const digests = [1, 2, 3].map(digestOf);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-references-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  const insert = 'insert into snapshot (tenant, digest, manifest, refs, last_used_at) values (?, ?, ?, 0, 0)';
  const writes = digests.map((digest) => ({ sql: insert, params: [tenant, digest, '{"formatVersion":1,"parts":[]}'] }));
  await database.committer.commit({ key: '', guards: [], writes });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const openRuns = async (committer: Committer = database.committer): Promise<SqlRunStore> => {
  const { queries } = database;
  return new SqlRunStore({ committer, queries, writer: await nextWriter(queries, database.committer) });
};

/** Loses the answer of every commit, once: the unit was committed, and is sent again. */
const forgetful = (): Committer => ({
  commit: async (unit) => {
    await database.committer.commit(unit);
    return database.committer.commit(unit);
  },
});

const counted = async (): Promise<object> =>
  Object.fromEntries(
    (await database.queries.selectFrom('snapshot').select(['digest', 'refs']).orderBy('digest').execute()).map(
      ({ digest, refs }) => [digest, Number(refs)],
    ),
  );

/** What the heads say that the counts must be. */
const expected = async (): Promise<object> => {
  const heads = await database.queries.selectFrom('run_head').select(['status', 'snapshot_digest']).execute();
  const open = heads.filter(({ status }) => !isTerminalRun(status));
  return Object.fromEntries(
    digests.map((digest) => [digest, open.filter((head) => head.snapshot_digest === digest).length]),
  );
};

/** An append by someone who may know the head, may be late, and may say what no coordinator says. */
const anyAppend = (random: ReturnType<typeof createSeededRandom>, runId: string, head?: RunHead): AppendRequest => {
  const change = {
    status: (['queued', 'running', 'waiting', 'succeeded', 'failed'] as const)[random.integer(5)] ?? 'running',
    ...(random.next() < 0.7 ? { snapshotDigest: digests[random.integer(3)] as string } : {}),
  };
  if (head === undefined) return creating(runId, change);
  const { snapshotDigest: _, ...rest } = head;
  const base = random.next() < 0.6 ? head : rest;
  return going(base, [note('x')], change, Math.max(1, head.seq - (random.next() < 0.2 ? 1 : 0)));
};

test.each([
  ['each answer comes', 0],
  ['each answer is lost once', 1],
  ['the thread dies again and again', 2],
])('after random appends the counts are those of the heads: %s', async (_, fault) => {
  const random = createSeededRandom(7 + fault);
  const committer = fault === 1 ? forgetful() : database.committer;
  // Two writers: neither knows of the other's heads.
  const writers = [await openRuns(committer), await openRuns(committer)];
  const runIds = Array.from({ length: 8 }, () => ids.next('run'));
  for (let round = 0; round < 25; round += 1) {
    const pending: Promise<unknown>[] = [];
    for (let index = 0; index < 12; index += 1) {
      const runId = runIds[random.integer(runIds.length)] as string;
      const writer = writers[random.integer(2)] as SqlRunStore;
      const head = await writer.readHead(tenant, runId);
      const request = anyAppend(random, runId, head);
      pending.push(writer.append(request));
      // The next of the same run, before the answer to this one.
      if (random.next() < 0.5) pending.push(writer.append(going(request.head, [note('y')], { status: 'running' })));
    }
    if (fault === 2) await database.committer.thread.terminate();
    await Promise.all(pending);
    expect(await counted(), `round ${round}`).toEqual(await expected());
  }
});

test('the last use of a snapshot is the latest end of a run, whatever the order of the ends', async () => {
  const runs = await openRuns();
  const digest = digests[0] as string;
  for (const finishedAt of [500, 900, 700]) {
    const create = creating(ids.next('run'), { status: 'running', snapshotDigest: digest });
    await runs.append(create);
    await runs.append(going(create.head, [note('end', 1)], { status: 'succeeded', finishedAt }));
  }
  const row = await database.queries.selectFrom('snapshot').selectAll().where('digest', '=', digest).executeTakeFirst();
  expect(row).toMatchObject({ refs: 0, last_used_at: 900 });
});

test('proposals of an append that is sent again are there once', async () => {
  const runs = await openRuns(forgetful());
  const { queries } = database;
  const memory = new SqlMemoryStore({ committer: database.committer, queries, writer: 'w' });
  const runId = ids.next('run');
  const proposals = [proposing(runId, 0), proposing(runId, 1)];
  expect(await runs.append({ ...creating(runId), proposals, expectsRevision: 0 })).toEqual({ status: 'appended' });
  expect((await memory.listProposals({ tenant, limit: 10 })).items).toEqual(proposals);
});

test('a memory commit that is sent again knows its own work from another’s', async () => {
  const runs = await openRuns();
  const { queries } = database;
  const sure = new SqlMemoryStore({ committer: database.committer, queries, writer: 'sure' });
  const memory = new SqlMemoryStore({ committer: forgetful(), queries, writer: 'forgetful' });
  const runId = ids.next('run');
  await runs.append({ ...creating(runId), proposals: [proposing(runId, 0), proposing(runId, 1)] });
  const change = (index: number) =>
    ({ proposalId: `${runId}:step:1:${index}`, from: 'pending', to: 'folded' }) as const;
  const base = { tenant, scope: 'agent/triage', at: 1 };
  const next = { text: 'one', change: { kind: 'set', by: 'ann' } } as const;
  const first = { ...base, expectedRevision: 0, next, proposals: [change(0)] };
  expect(await memory.commit(first)).toBe('committed');
  expect(await memory.commit(first)).toBe('conflict');
  expect(await sure.commit({ ...base, expectedRevision: 0, next, proposals: [] })).toBe('conflict');
  const statusOnly = { ...base, expectedRevision: 1, proposals: [change(1)] };
  expect(await memory.commit(statusOnly)).toBe('committed');
  expect(await memory.commit(statusOnly)).toBe('conflict');
  expect(await sure.commit(statusOnly)).toBe('conflict');
  expect((await sure.history(tenant, 'agent/triage', 9)).items).toHaveLength(1);
});

test('a proposal that the database refuses costs its own append only', async () => {
  const runs = await openRuns();
  const requests = Array.from({ length: 50 }, (_, index) => {
    const runId = ids.next('run');
    const proposal = proposing(runId, 0, index === 20 ? { attempt: Number.NaN } : {});
    return { ...creating(runId), proposals: [proposal] };
  });
  const settled = await Promise.allSettled(requests.map((request) => runs.append(request)));
  expect(settled.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([20]);
  expect(await runs.readHead(tenant, requests[20]?.runId as string)).toBeUndefined();
  const stored = await database.queries.selectFrom('memory_proposal').select('run_id').execute();
  expect(stored).toHaveLength(49);
});
