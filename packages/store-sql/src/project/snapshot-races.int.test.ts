import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import {
  createNodeHasher,
  createSequenceIds,
  creating,
  going,
  note,
  type SealedSnapshot,
  sealed,
} from '@skein/testkit';
import * as fc from 'fast-check';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileBlobStore } from '../files/file-blob-store.ts';
import { FilePartStore } from '../files/file-part-store.ts';
import { nextWriter } from '../run-log/next-writer.ts';
import { SqlRunStore } from '../run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { Schema } from '../sql/schema.ts';
import { createThreadDialect } from '../sql/thread-dialect.ts';
import type { Committer } from '../sql/write-unit.ts';
import { SqlSnapshotStore } from './sql-snapshot-store.ts';

const always = Number.MAX_SAFE_INTEGER;
const hasher = createNodeHasher();
const ids = createSequenceIds(97);
let folder = '';
let database: OpenDatabase;
let runs: SqlRunStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-races-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
  const { committer, queries } = database;
  runs = new SqlRunStore({ committer, queries, writer: await nextWriter(queries, committer) });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Stops who comes to it, once, until it is opened. */
const createGate = () => {
  let open = (): void => {};
  let arrive = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const pass = (): Promise<void> => {
    arrive();
    return opened;
  };
  return { pass, open: () => open(), arrived };
};

interface Given {
  readonly files?: FileBlobStore;
  readonly committer?: Committer;
  readonly queries?: Kysely<Schema>;
}

const openSnapshots = (given: Given = {}): SqlSnapshotStore => {
  const files = given.files ?? new FileBlobStore({ root: join(folder, 'parts'), hasher });
  const parts = new FilePartStore({ files, earlier: new FileBlobStore({ root: join(folder, 'blobs'), hasher }) });
  const { committer, queries } = database;
  return new SqlSnapshotStore({ committer, queries, ...given, parts, hasher });
};

const save = (snapshots: SqlSnapshotStore, { digest, manifest, parts }: SealedSnapshot, at = 1_000): Promise<void> =>
  snapshots.save(tenant, digest, manifest, parts, at);

const pinning = ({ digest }: SealedSnapshot) => ({
  ...creating(ids.next('run'), { status: 'running', snapshotDigest: digest }),
  pinsSnapshot: digest,
});

const isWhole = async (snapshots: SqlSnapshotStore, { digest, parts }: SealedSnapshot): Promise<boolean> => {
  if ((await snapshots.find(tenant, digest)) === undefined) return false;
  const read = await Promise.all([...parts.keys()].map((part) => snapshots.readPart(tenant, part)));
  return read.every((bytes) => bytes !== undefined);
};

/** The committer, with a gate before the next unit that holds such a statement. */
const gatedCommitter = (statement: string) => {
  const gate = createGate();
  let stopped = false;
  const committer: Committer = {
    commit: async (unit) => {
      if (!stopped && [...unit.guards, ...unit.writes].some(({ sql }) => sql.startsWith(statement))) {
        stopped = true;
        await gate.pass();
      }
      return database.committer.commit(unit);
    },
  };
  return { ...gate, committer };
};

test('a run that pins a snapshot after a collection has chosen it keeps it', async () => {
  const { committer, arrived, open } = gatedCommitter('delete from "snapshot"');
  const snapshots = openSnapshots({ committer });
  const snapshot = sealed('one');
  await save(snapshots, snapshot);
  const collection = snapshots.collect(always, 10);
  await arrived;
  expect(await runs.append(pinning(snapshot))).toEqual({ status: 'appended' });
  open();
  expect(await collection).toEqual({ snapshots: [], parts: 0, bytes: 0 });
  expect(await isWhole(snapshots, snapshot)).toBe(true);
});

test('a snapshot that is sealed again after a collection has chosen it keeps its new time', async () => {
  const { committer, arrived, open } = gatedCommitter('delete from "snapshot"');
  const snapshots = openSnapshots({ committer });
  const snapshot = sealed('one');
  await save(snapshots, snapshot, 1_000);
  const collection = snapshots.collect(2_000, 10);
  await arrived;
  await save(snapshots, snapshot, 3_000);
  open();
  expect((await collection).snapshots).toEqual([]);
  expect(await isWhole(snapshots, snapshot)).toBe(true);
});

test.each([
  ['the pin comes first', true],
  ['the collection comes first', false],
])('a pin and a collection in one commit: %s', async (_, pinFirst) => {
  const { committer, arrived, open } = gatedCommitter('delete from "snapshot"');
  const snapshots = openSnapshots({ committer });
  const snapshot = sealed('one');
  await save(snapshots, snapshot);
  const collection = snapshots.collect(always, 10);
  await arrived;
  const pin = () =>
    runs.append(pinning(snapshot)).then(
      ({ status }) => status,
      ({ code }) => code as string,
    );
  let pinned: Promise<string>;
  if (pinFirst) {
    pinned = pin();
    open();
  } else {
    open();
    await Promise.resolve();
    pinned = pin();
  }
  const removed = (await collection).snapshots.length === 1;
  expect(await pinned).toBe(removed ? 'version_conflict' : 'appended');
  expect(await isWhole(snapshots, snapshot)).toBe(!removed);
});

test('a snapshot that is stored again in the commit that removes it is listed with its parts', async () => {
  const removing = gatedCommitter('delete from "snapshot"');
  const snapshots = openSnapshots({ committer: removing.committer });
  const [snapshot, sharing] = [sealed('one'), sealed('one', 'two')];
  await save(snapshots, snapshot);
  const collection = snapshots.collect(always, 10);
  await removing.arrived;
  // Its rows are asked for in the same turn as the removal, and before it: one batch, in this order.
  const storing = gatedCommitter('insert into "snapshot"');
  const { committer: held } = storing;
  const files = new FileBlobStore({ root: join(folder, 'parts'), hasher });
  const saving = save(openSnapshots({ committer: held, files }), snapshot);
  await storing.arrived;
  storing.open();
  removing.open();
  await Promise.all([collection, saving]);
  const listed = await database.queries.selectFrom('snapshot_part').select('part_digest').execute();
  expect(listed).toHaveLength((await snapshots.find(tenant, snapshot.digest)) === undefined ? 0 : 1);
  expect(listed).toHaveLength(1);
  await runs.append(pinning(snapshot));
  await save(snapshots, sharing);
  await snapshots.collect(always, 10);
  expect(await database.queries.selectFrom('snapshot').select('digest').execute()).toHaveLength(1);
  expect(await isWhole(snapshots, snapshot)).toBe(true);
});

test('a collection takes no part of a save whose rows are not stored yet', async () => {
  const { committer, arrived, open } = gatedCommitter('insert into "snapshot"');
  const snapshots = openSnapshots({ committer });
  const snapshot = sealed('one');
  const saving = save(snapshots, snapshot);
  await arrived;
  expect(await snapshots.collect(always, 10)).toEqual({ snapshots: [], parts: 0, bytes: 0 });
  open();
  await saving;
  expect(await isWhole(snapshots, snapshot)).toBe(true);
});

test.each([
  ['the whole folder', true],
  ['the parts of what was removed', false],
])('a save that comes and goes after a collection has read what is listed keeps its parts: %s', async (_, first) => {
  const gate = createGate();
  let armed = first;
  const runner = {
    query: async (sql: string, params: Parameters<typeof database.reader.query>[1]) => {
      const answer = await database.reader.query(sql, params);
      if (armed && /"part_digest" in|distinct/.test(sql)) {
        armed = false;
        await gate.pass();
      }
      return answer;
    },
  };
  const queries = new Kysely<Schema>({ dialect: createThreadDialect(runner) });
  const snapshots = openSnapshots({ queries });
  const [removed, saved] = [sealed('one', 'shared'), sealed('shared')];
  if (!first) await snapshots.collect(always, 10);
  armed = true;
  await save(snapshots, removed);
  const collection = snapshots.collect(always, 10);
  await gate.arrived;
  await save(snapshots, saved);
  gate.open();
  expect(await collection).toMatchObject({ snapshots: [{ digest: removed.digest }], parts: 1, bytes: 3 });
  expect(await isWhole(snapshots, saved)).toBe(true);
});

test('saves, collections and appends, whatever their steps interleave: no open run loses a byte', async () => {
  const pool = [sealed('a', 'b'), sealed('b', 'c'), sealed('a', 'c')];
  const act = fc.record({
    kind: fc.constantFrom('save', 'save', 'pin', 'end', 'collect', 'collect'),
    which: fc.nat({ max: 2 }),
  });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(act, { minLength: 4, maxLength: 16 }), async (scheduler, acts) => {
      round += 1;
      const root = join(folder, `parts-${round}`);
      /** Every step of a file and every commit waits for its turn. */
      class Scheduled extends FileBlobStore {
        override async put(of: string, bytes: Uint8Array): Promise<string> {
          await scheduler.schedule(Promise.resolve(), 'put');
          const digest = await super.put(of, bytes);
          await scheduler.schedule(Promise.resolve(), 'put done');
          return digest;
        }
        override async remove(name: string): Promise<number | undefined> {
          await scheduler.schedule(Promise.resolve(), 'remove');
          return super.remove(name);
        }
      }
      const { committer: real, queries } = database;
      const committer: Committer = {
        commit: async (unit) => {
          await scheduler.schedule(Promise.resolve(), 'commit');
          const outcome = await real.commit(unit);
          await scheduler.schedule(Promise.resolve(), 'answer');
          return outcome;
        },
      };
      const clear = ['snapshot', 'snapshot_part', 'run_head', 'run_log'];
      const writes = clear.map((table) => ({ sql: `delete from ${table}`, params: [] }));
      await real.commit({ key: '', guards: [], writes });
      const begun = openSnapshots({ files: new FileBlobStore({ root, hasher }) });
      for (const snapshot of pool) await save(begun, snapshot);
      const snapshots = openSnapshots({ files: new Scheduled({ root, hasher }), committer });
      const appender = new SqlRunStore({ committer, queries, writer: await nextWriter(queries, real) });
      const open = new Map<SealedSnapshot, ReturnType<typeof creating>[]>(pool.map((snapshot) => [snapshot, []]));
      const perform = async ({ kind, which }: { kind: string; which: number }): Promise<void> => {
        await scheduler.schedule(Promise.resolve(), kind);
        const snapshot = pool[which] as SealedSnapshot;
        const held = open.get(snapshot) ?? [];
        if (kind === 'save') await save(snapshots, snapshot);
        else if (kind === 'collect') await snapshots.collect(always, 10);
        else if (kind === 'pin') {
          const create = creating(ids.next('run'), { status: 'running', snapshotDigest: snapshot.digest });
          const pinned = await appender.append({ ...create, pinsSnapshot: snapshot.digest }).catch(() => undefined);
          if (pinned?.status === 'appended') held.push(create);
        } else {
          const ending = held.pop();
          if (ending !== undefined) await appender.append(going(ending.head, [note('end')], { status: 'succeeded' }));
        }
      };
      await scheduler.waitFor(Promise.all(acts.map(perform)));
      for (const [snapshot, held] of open) {
        const found = (await snapshots.find(tenant, snapshot.digest)) !== undefined;
        if (held.length > 0) expect(found).toBe(true);
        expect(await isWhole(snapshots, snapshot)).toBe(found);
      }
    }),
    { numRuns: 120 },
  );
});
