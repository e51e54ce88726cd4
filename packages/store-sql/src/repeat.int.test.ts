import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant } from '@skein/domain';
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
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SqlDeliveryStore } from './delivery/sql-delivery-store.ts';
import { FileBlobStore } from './files/file-blob-store.ts';
import { FileLogStore } from './files/file-log-store.ts';
import { safeName } from './files/safe-name.ts';
import { SqlMemberStore } from './fleet/sql-member-store.ts';
import { SqlSecretStore } from './fleet/sql-secret-store.ts';
import { SqlShardStore } from './fleet/sql-shard-store.ts';
import { SqlTokenStore } from './fleet/sql-token-store.ts';
import { SqlWorkerPlaceStore } from './fleet/sql-worker-place-store.ts';
import { nextWriter } from './run-log/next-writer.ts';
import { SqlRunStore } from './run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from './sql/open-database.ts';
import type { Committer } from './sql/write-unit.ts';

let folder = '';
let database: OpenDatabase;
const ids = createSequenceIds(90);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-repeat-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Loses the answer of every commit, once: the unit was committed, and is sent again. */
const forgetful = (): Committer => ({
  commit: async (unit) => {
    await database.committer.commit(unit);
    return database.committer.commit(unit);
  },
});

const openRuns = async (committer: Committer = database.committer): Promise<SqlRunStore> => {
  const { queries } = database;
  return new SqlRunStore({ committer, queries, writer: await nextWriter(queries, database.committer) });
};

test('an append that was committed, and is sent again because its answer was lost, finds its own facts', async () => {
  const runs = await openRuns(forgetful());
  const idempotency = { key: 'k', bodyDigest: 'b' };
  const fire = { scheduleId: 's', nominalAt: 1_000 };
  for (const creation of [{}, { idempotency }, { fire }]) {
    const create = creating(ids.next('run'), { creation });
    expect(await runs.append(create)).toEqual({ status: 'appended' });
    expect(await runs.append(going(create.head, [note('a'), note('b')]))).toEqual({ status: 'appended' });
    expect(await runs.readFacts(defaultTenant, create.runId, 1)).toEqual([note('a'), note('b')]);
  }
  const other = creating(ids.next('run'), { creation: { idempotency } });
  expect(await runs.append(other)).toMatchObject({ status: 'duplicate', sameBody: true });
});

test('letters and events that were committed, and are sent again because the answer was lost, are stored once', async () => {
  const [runs, { queries }] = [await openRuns(forgetful()), database];
  const delivery = new SqlDeliveryStore({ committer: forgetful(), queries, writer: 'w' });
  const create = creating(ids.next('run'));
  const letter = deadLetter(create.runId, 0);
  await runs.append({ ...create, deadLetters: [letter], events: [deliveryEvent('with facts')] });
  await delivery.appendEvents([deliveryEvent('alone'), deliveryEvent('alone', { tenant: 'other' })]);
  const settlement = { status: 'purged', at: 5, by: 'ann' } as const;
  const purged = deliveryEvent(letter.id, { kind: 'purged' });
  expect(await delivery.settleDeadLetter(defaultTenant, letter.id, settlement, purged)).toBe(true);
  expect(await delivery.settleDeadLetter(defaultTenant, letter.id, settlement, purged)).toBe(false);
  const { items } = await delivery.readEvents(defaultTenant, 0, 9);
  expect(items.map(({ seq, itemId }) => `${seq} ${itemId}`)).toEqual(['1 with facts', '2 alone', `3 ${letter.id}`]);
  expect((await delivery.readEvents('other', 0, 9)).items).toHaveLength(1);
  await delivery.pruneEvents(0, 1);
  expect((await delivery.readEvents(defaultTenant, 0, 9)).gap).toEqual({ from: 1, to: 2 });
});

test('a run whose facts were removed, and are removed again because the answer was lost, was pruned', async () => {
  const runs = await openRuns(forgetful());
  const create = creating(ids.next('run'), { status: 'running' });
  const { runId } = create;
  await runs.append(create);
  await runs.append(going(create.head, [note('end')], { status: 'failed', finishedAt: 5 }));
  await runs.saveCheckpoint({ tenant: defaultTenant, runId, seq: 2, body: new Uint8Array([1]) });
  expect(await runs.pruneRun(defaultTenant, runId)).toBe(true);
  await runs.probeWrite();
});

test('a token that was stored, and is sent again because its answer was lost, is no clash', async () => {
  const tokens = new SqlTokenStore({ committer: forgetful(), queries: database.queries, writer: 'w' });
  const token = { tokenId: 't', tenant: defaultTenant, kind: 'api', name: 'n', hash: 'h', createdAt: 1 } as const;
  await tokens.insert(token);
  expect(await tokens.list(defaultTenant)).toEqual([token]);
});

test('what a fleet writes counts once when it is sent again because its answer was lost', async () => {
  const deps = { committer: forgetful(), queries: database.queries, clock: new FakeClock(), writer: 'w' };
  const [tokens, places] = [new SqlTokenStore(deps), new SqlWorkerPlaceStore(deps)];
  const scope = { maxUses: 2, uses: 0 };
  await tokens.insert({ tokenId: 't', tenant: defaultTenant, kind: 'join', name: 'n', hash: 'h', createdAt: 1, scope });
  const uses = [];
  for (let index = 0; index < 3; index += 1) uses.push(await tokens.countUse(defaultTenant, 't'));
  expect(uses).toEqual([true, true, false]);
  expect((await places.claim(defaultTenant, 'w1', 'c1', 's1')).epoch).toBe(1);
  expect((await places.claim(defaultTenant, 'w1', 'c1', 's1')).epoch).toBe(2);
  const shards = new SqlShardStore(deps);
  expect(await shards.takeOver('c1', [{ shard: 3, epoch: 0 }])).toMatchObject([{ shard: 3, epoch: 1 }]);
  expect(await shards.takeOver('c2', [{ shard: 3, epoch: 1 }])).toMatchObject([{ shard: 3, epoch: 2 }]);
  expect(await shards.takeOver('c1', [{ shard: 3, epoch: 1 }])).toEqual([]);
  const members = new SqlMemberStore(deps);
  const about = { peerAddress: '', workerAddress: '', facts: [], startedAt: 1, leaving: false };
  const [row] = await members.renew({ coordinatorId: 'c1', incarnation: 'i', ...about });
  expect(await members.bury('c1', 'i', row?.renewal ?? 0)).toBe(true);
  const secrets = new SqlSecretStore(deps);
  const secret = (byte: number) => ({
    tenant: defaultTenant,
    name: 'KEY',
    keyId: `k${byte}`,
    updatedAt: 1,
    updatedBy: 'ann',
    sealed: new Uint8Array([byte]),
  });
  await secrets.put(secret(1));
  expect(await secrets.replace(secret(2), secret(1))).toBe(true);
  expect(await secrets.replace(secret(3), secret(1))).toBe(false);
});

test('a head that another writer moved on is written whole, not only where it differs from what was remembered', async () => {
  const [ours, theirs] = [await openRuns(), await openRuns()];
  const create = creating(ids.next('run'), { dueAt: 5_000 });
  await ours.append(create);
  const moved = going(create.head, [note('theirs')], { dueAt: 9_000, priority: 3 });
  await theirs.append(moved);
  const next = going(moved.head, [note('ours')], { dueAt: 5_000, priority: 0 });
  expect(await ours.append(next)).toEqual({ status: 'appended' });
  expect(await ours.readHead(defaultTenant, create.runId)).toEqual(next.head);
});

test('a damaged blob is not handed out, and the next put of its bytes repairs it', async () => {
  const blobs = new FileBlobStore({ root: join(folder, 'blobs'), hasher: createNodeHasher() });
  const bytes = new TextEncoder().encode('precious');
  const digest = await blobs.put(defaultTenant, bytes);
  const [, first = '', rest = ''] = /^sha256:(..)(.*)$/.exec(digest) ?? [];
  const path = join(folder, 'blobs', defaultTenant, first, rest);
  await writeFile(path, 'previous');
  await expect(blobs.get(defaultTenant, digest)).rejects.toMatchObject({ code: 'digest_mismatch' });
  await blobs.put(defaultTenant, bytes);
  expect(await blobs.get(defaultTenant, digest)).toEqual(bytes);
});

test('what a process that died left of a blob does not stop the next process, even under the same process id', async () => {
  const root = join(folder, 'blobs');
  const bytes = new TextEncoder().encode('precious');
  const digest = createNodeHasher().digest(bytes);
  const hasher = createNodeHasher();
  await new FileBlobStore({ root, hasher }).put(defaultTenant, bytes);
  const [, first = '', rest = ''] = /^sha256:(..)(.*)$/.exec(digest) ?? [];
  const path = join(root, defaultTenant, first, rest);
  await rm(path);
  await writeFile(`${path}.${process.pid}.1.tmp`, 'half of i');
  await new FileBlobStore({ root, hasher }).put(defaultTenant, bytes);
  expect(await readFile(path, 'utf8')).toBe('precious');
  expect(await readdir(join(root, defaultTenant, first))).toEqual([rest]);
});

test('a log is read, and the attempts are told, while other bytes go on coming', async () => {
  const logs = new FileLogStore({ root: join(folder, 'logs'), log: createMemoryLog() });
  const key = (step: string) => ({ tenant: defaultTenant, runId: 'r', step, attempt: 1 });
  let going = true;
  const chatter = (step: string): void => {
    if (!going) return;
    logs.append(key(step), new Uint8Array([120]));
    setImmediate(() => chatter(step));
  };
  for (const step of ['a', 'b', 'c', 'd']) chatter(step);
  logs.append(key('a'), new TextEncoder().encode('before'));
  const { bytes } = await logs.read(key('a'), 0, 100);
  expect(new TextDecoder().decode(bytes)).toContain('before');
  expect(await logs.attempts(defaultTenant, 'r', 'a')).toEqual([1]);
  going = false;
  await logs.flush();
});

test.each(['..', '.', 'a/../b', '/etc', '%2e', ''])('the file name for %j stays where it is put', (text) => {
  const name = safeName(text);
  expect(name).not.toMatch(/^\.|\/|\\|^$/);
  expect(join('/root', name)).toBe(`/root/${name}`);
});
