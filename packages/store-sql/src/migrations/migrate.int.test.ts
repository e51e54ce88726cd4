import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  creating,
  FakeClock,
  going,
  note,
  proposing,
} from '@skein/testkit';
import { Kysely, Migrator } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlStores, type SqlStores } from '../open-sql-stores.ts';
import { createThreadDialect } from '../sql/thread-dialect.ts';
import { SqlThread } from '../thread/sql-thread.ts';
import { firstTables } from './0001-first-tables.ts';

const hasher = createNodeHasher();
const bytesOf = (text: string) => new TextEncoder().encode(text);
const partOf = (text: string) => ({
  kind: 'soul' as const,
  name: text,
  size: bytesOf(text).length,
  digest: hasher.digest(bytesOf(text)),
  askedBy: [],
});
const stored = (text: string) => ({
  digest: hasher.digest(text),
  manifest: { formatVersion: 1 as const, parts: [partOf('shared'), partOf(text)] },
});
const [held, ended, free] = [stored('held'), stored('ended'), stored('free')] as const;
const memory = [
  ['global', 'be kind'],
  ['agent/triage', 'be brief'],
] as const;

let dataDir = '';
let stores: SqlStores | undefined;
const clock = new FakeClock();

/** A data folder as version 1 of the tables left it: the rows, and the parts among the other blobs. */
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-migrate-'));
  const thread = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'writer' });
  const migrations = { '0001-first-tables': firstTables };
  const database = new Kysely<unknown>({ dialect: createThreadDialect(thread) });
  const { error } = await new Migrator({
    db: database,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  expect(error).toBeUndefined();
  for (const [scope, text] of memory)
    await thread.query('insert into memory values (?, ?, 1, ?)', [tenant, scope, text]);
  await thread.query('insert into project values (?, 7)', [tenant]);
  for (const { digest, manifest } of [held, ended, free]) {
    await thread.query('insert into snapshot values (?, ?, ?)', [tenant, digest, JSON.stringify(manifest)]);
    for (const { name, digest: part } of manifest.parts) {
      const path = join(dataDir, 'blobs', tenant, part.slice(7, 9), part.slice(9));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, name);
    }
  }
  const head = `insert into run_head (tenant, run_id, dag, dag_digest, status, seq, shard, priority, created_at, snapshot_digest, partial)
    values (?, ?, 'demo', 'd', ?, 1, 0, 0, 1000, ?, 0)`;
  const facts = `insert into run_log values (?, ?, 1, 1, ?, 'w.1')`;
  for (const [runId, status, digest] of [
    ['run_1', 'running', held.digest],
    ['run_2', 'queued', held.digest],
    ['run_3', 'waiting', held.digest],
    ['run_4', 'failed', held.digest],
    ['run_5', 'succeeded', ended.digest],
    ['run_6', 'running', undefined],
  ] as const) {
    await thread.query(head, [tenant, runId, status, digest ?? null]);
    await thread.query(facts, [tenant, runId, JSON.stringify([note(runId)])]);
  }
  await thread.close();
});

afterEach(async () => {
  await stores?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const open = async (): Promise<SqlStores> => {
  await stores?.close();
  stores = await openSqlStores({ dataDir, clock, ids: createSequenceIds(60), log: createMemoryLog(), hasher });
  return stores;
};

test('the rows of the version before are all there, and memory has its history', async () => {
  const { projects, runs, memory: notes } = await open();
  expect(await projects.revision(tenant)).toBe(7);
  expect((await notes.listScopes(tenant)).map(({ scope, text }) => [scope, text])).toEqual(memory.toReversed());
  expect((await notes.history(tenant, 'global', 9)).items).toEqual([
    { scope: 'global', revision: 1, text: 'be kind', at: 0, change: { kind: 'seed' } },
  ]);
  const { items } = await runs.listRuns({ tenant, limit: 10 });
  expect(items.map(({ runId }) => runId)).toEqual(['run_6', 'run_5', 'run_4', 'run_3', 'run_2', 'run_1']);
  expect(Object.keys(items[0] ?? {})).not.toContain('parentRunId');
  for (const { runId } of items) expect(await runs.readFacts(tenant, runId, 0)).toEqual([note(runId)]);
  expect((await runs.listRuns({ tenant, dag: 'demo', limit: 10 })).items).toHaveLength(6);
});

test('what is new works on old rows: a fold, a proposal, a called run', async () => {
  const { projects, runs, memory: notes } = await open();
  const head = await runs.readHead(tenant, 'run_6');
  if (head === undefined) throw new Error('no head');
  const proposals = [proposing('run_6', 0, { scope: 'global' })];
  expect(await runs.append({ ...going(head, [note('x')]), expectsRevision: 7, proposals })).toEqual({
    status: 'appended',
  });
  const proposalId = proposals[0]?.proposalId as string;
  const fold = {
    tenant,
    scope: 'global',
    expectedRevision: 1,
    next: { text: 'be kind, line 0', change: { kind: 'fold', proposalIds: [proposalId] } },
    proposals: [{ proposalId, from: 'pending', to: 'folded' }],
    at: 5,
  } as const;
  expect(await notes.commit(fold)).toBe('committed');
  expect(await projects.readMemory(tenant, ['global'])).toMatchObject([{ revision: 2, text: 'be kind, line 0' }]);
  await runs.append(creating('run_7', { parentRunId: 'run_6', rootRunId: 'run_6' }));
  expect((await runs.listRuns({ tenant, parentRunId: 'run_6', limit: 5 })).items).toHaveLength(1);
});

test('open runs hold the snapshots that they held, and none is collected before its time', async () => {
  const { snapshots, runs } = await open();
  const opened = clock.now();
  const reader = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'reader' });
  const listed = await reader.query('select size from snapshot_part order by size', []);
  expect(listed.rows.map(({ size }) => size)).toEqual(
    ['free', 'held', 'ended', 'shared', 'shared', 'shared'].map((text) => text.length),
  );
  await reader.close();
  expect((await snapshots.collect(opened, 10)).snapshots).toEqual([]);
  const collected = await snapshots.collect(opened + 1, 10);
  expect(collected.snapshots.map(({ digest }) => digest).toSorted()).toEqual([ended.digest, free.digest].toSorted());
  for (const runId of ['run_1', 'run_2', 'run_3']) {
    expect((await snapshots.collect(opened + 9, 10)).snapshots, runId).toEqual([]);
    const head = await runs.readHead(tenant, runId);
    if (head === undefined) throw new Error('no head');
    await runs.append(going(head, [note('end')], { status: 'cancelled', finishedAt: 5 }));
  }
  expect((await snapshots.collect(opened + 1, 10)).snapshots).toEqual([{ tenant, digest: held.digest }]);
});

test('parts that lie among the blobs are read there, are repaired in their own place, and outlive every collection', async () => {
  const { snapshots, blobs } = await open();
  const parts = held.manifest.parts;
  for (const { digest, name } of parts) expect(await snapshots.readPart(tenant, digest)).toEqual(bytesOf(name));
  const { digest: damaged, name } = parts[1] as (typeof parts)[number];
  await writeFile(join(dataDir, 'blobs', tenant, damaged.slice(7, 9), damaged.slice(9)), 'harm');
  await expect(snapshots.readPart(tenant, damaged)).rejects.toMatchObject({ code: 'digest_mismatch' });
  const bytes = new Map(parts.map((part) => [part.digest, bytesOf(part.name)]));
  await snapshots.save(tenant, held.digest, held.manifest, bytes, clock.now());
  expect(await snapshots.readPart(tenant, damaged)).toEqual(bytesOf(name));
  const { digest: shared } = parts[0] as (typeof parts)[number];
  const last = await open();
  await last.snapshots.collect(Number.MAX_SAFE_INTEGER, 10);
  expect(await last.blobs.get(tenant, shared)).toEqual(bytesOf('shared'));
  expect(await blobs.has(tenant, free.manifest.parts[1]?.digest as string)).toBe(true);
});

test('a folder that was brought up to this version is opened again as it is', async () => {
  await (await open()).memory.commit({
    tenant,
    scope: 'global',
    expectedRevision: 1,
    next: { text: 'two', change: { kind: 'set', by: 'ann' } },
    proposals: [],
    at: 5,
  });
  await clock.advance(1_000);
  const { memory: notes, snapshots } = await open();
  expect((await notes.history(tenant, 'global', 9)).items.map(({ revision }) => revision)).toEqual([2, 1]);
  expect((await snapshots.collect(clock.now(), 10)).snapshots).toHaveLength(2);
});
