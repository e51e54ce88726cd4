import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
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
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileBlobStore } from '../files/file-blob-store.ts';
import { FilePartStore } from '../files/file-part-store.ts';
import { nextWriter } from '../run-log/next-writer.ts';
import { SqlRunStore } from '../run-log/sql-run-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { Committer } from '../sql/write-unit.ts';
import { SqlSnapshotStore } from './sql-snapshot-store.ts';

const always = Number.MAX_SAFE_INTEGER;
const hasher = createNodeHasher();
const ids = createSequenceIds(97);
let folder = '';
let database: OpenDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-parts-'));
  database = await openDatabase({ path: join(folder, 'test.db'), now: 0 });
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** The store as a process opens it; `files` and `committer` may be slow or fail. */
const openSnapshots = (given: { files?: FileBlobStore; committer?: Committer } = {}): SqlSnapshotStore => {
  const files = given.files ?? new FileBlobStore({ root: join(folder, 'parts'), hasher });
  const parts = new FilePartStore({ files, earlier: new FileBlobStore({ root: join(folder, 'blobs'), hasher }) });
  const { committer, queries } = database;
  return new SqlSnapshotStore({ committer: given.committer ?? committer, queries, parts, hasher });
};

const save = (snapshots: SqlSnapshotStore, { digest, manifest, parts }: SealedSnapshot, at = 1_000): Promise<void> =>
  snapshots.save(tenant, digest, manifest, parts, at);

const digestsOf = ({ parts }: SealedSnapshot): readonly string[] => [...parts.keys()];

const pathOf = (part: string): string => join(folder, 'parts', tenant, part.slice(7, 9), part.slice(9));

const filesIn = async (root: string): Promise<readonly string[]> =>
  (await readdir(root, { recursive: true, withFileTypes: true })).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  );

test('saving a snapshot again repairs what is damaged or missing of its parts', async () => {
  const snapshots = openSnapshots();
  const snapshot = sealed('one', 'two', 'three');
  await save(snapshots, snapshot);
  const [damaged, missing, whole] = digestsOf(snapshot) as [string, string, string];
  await writeFile(pathOf(damaged), 'harm');
  await rm(pathOf(missing));
  const untouched = (await stat(pathOf(whole))).mtimeMs;
  await expect(snapshots.readPart(tenant, damaged)).rejects.toMatchObject({ code: 'digest_mismatch' });
  expect(await snapshots.readPart(tenant, missing)).toBeUndefined();
  await save(snapshots, snapshot);
  for (const [part, bytes] of snapshot.parts) expect(await snapshots.readPart(tenant, part)).toEqual(bytes);
  expect((await stat(pathOf(whole))).mtimeMs).toBe(untouched);
});

test('a process that dies between rows and bytes leaves bytes that the next one’s first collection removes', async () => {
  class Dying extends FileBlobStore {
    override remove(): Promise<number | undefined> {
      return Promise.reject(new Error('killed here'));
    }
  }
  const dying = openSnapshots({ files: new Dying({ root: join(folder, 'parts'), hasher }) });
  await save(dying, sealed('one', 'shared'));
  await save(dying, sealed('two', 'shared'), 9_000);
  await expect(dying.collect(5_000, 10)).rejects.toThrow('killed here');
  expect(await filesIn(join(folder, 'parts'))).toHaveLength(3);
  const next = openSnapshots();
  expect(await next.find(tenant, sealed('one', 'shared').digest)).toBeUndefined();
  expect(await next.collect(5_000, 10)).toEqual({ snapshots: [], parts: 1, bytes: 'one'.length });
  for (const part of digestsOf(sealed('two', 'shared'))) expect(await next.readPart(tenant, part)).toBeDefined();
});

test('the same process looks again after a collection that failed', async () => {
  let fail = true;
  class Failing extends FileBlobStore {
    override remove(name: string): Promise<number | undefined> {
      return fail ? Promise.reject(new Error('the disk failed')) : super.remove(name);
    }
  }
  const snapshots = openSnapshots({ files: new Failing({ root: join(folder, 'parts'), hasher }) });
  await snapshots.collect(always, 10);
  await save(snapshots, sealed('one'));
  await expect(snapshots.collect(always, 10)).rejects.toThrow('the disk failed');
  fail = false;
  expect(await snapshots.collect(always, 10)).toEqual({ snapshots: [], parts: 1, bytes: 3 });
});

test('what a save that failed left behind is removed, and so is the half of a put that died', async () => {
  let fail = false;
  const { committer } = database;
  const failing: Committer = {
    commit: (unit) => (fail ? Promise.reject(new Error('no commit')) : committer.commit(unit)),
  };
  const snapshots = openSnapshots({ committer: failing });
  await snapshots.collect(always, 10);
  await save(snapshots, sealed('kept'), 9_000);
  fail = true;
  await expect(save(snapshots, sealed('lost'))).rejects.toThrow('no commit');
  fail = false;
  const [kept] = digestsOf(sealed('kept')) as [string];
  await writeFile(`${pathOf(kept)}.${process.pid}.1.tmp`, 'hal');
  expect(await snapshots.collect(5_000, 10)).toEqual({ snapshots: [], parts: 1, bytes: 'lost'.length + 3 });
  expect(await filesIn(join(folder, 'parts'))).toEqual([kept.slice(9)]);
});

test('a collection whose answer was lost still tells what it removed', async () => {
  const { committer } = database;
  const forgetful: Committer = {
    commit: async (unit) => {
      await committer.commit(unit);
      return committer.commit(unit);
    },
  };
  const snapshots = openSnapshots({ committer: forgetful });
  const snapshot = sealed('one');
  await save(snapshots, snapshot);
  const told = { snapshots: [{ tenant, digest: snapshot.digest }], parts: 1, bytes: 3 };
  expect(await snapshots.collect(always, 10)).toEqual(told);
});

test('two removals of one part’s files are waited for by a save that comes between', async () => {
  const waiting: (() => void)[] = [];
  class Slow extends FileBlobStore {
    override async remove(name: string): Promise<number | undefined> {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return super.remove(name);
    }
  }
  const files = new Slow({ root: join(folder, 'parts'), hasher });
  const snapshots = openSnapshots({ files });
  const snapshot = sealed('one');
  await save(snapshots, snapshot);
  const [part] = digestsOf(snapshot) as [string];
  await database.committer.commit({
    key: '',
    guards: [],
    writes: [
      { sql: 'delete from snapshot', params: [] },
      { sql: 'delete from snapshot_part', params: [] },
    ],
  });
  await writeFile(`${pathOf(part)}.1.1.tmp`, 'o');
  const collection = snapshots.collect(always, 10);
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  while (waiting.length === 0) await turn();
  let saved = false;
  const saving = save(snapshots, snapshot).then(() => {
    saved = true;
  });
  for (let removed = 0; removed < 2; removed += 1) {
    while (waiting.length === 0) await turn();
    expect(saved).toBe(false);
    waiting.shift()?.();
  }
  await Promise.all([collection, saving]);
  expect(await readFile(pathOf(part), 'utf8')).toBe('one');
  expect(await snapshots.readPart(tenant, part)).toBeDefined();
});

test('saves, collections and appends, whatever their steps interleave: no open run loses a byte', async () => {
  const pool = [sealed('a', 'b'), sealed('b', 'c'), sealed('a', 'c')];
  const act = fc.record({ kind: fc.constantFrom('save', 'pin', 'end', 'collect'), which: fc.nat({ max: 2 }) });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(act, { minLength: 3, maxLength: 12 }), async (scheduler, acts) => {
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
      const snapshots = openSnapshots({ files: new Scheduled({ root, hasher }), committer });
      const runs = new SqlRunStore({ committer, queries, writer: await nextWriter(queries, real) });
      const open = new Map<SealedSnapshot, ReturnType<typeof creating>[]>(pool.map((snapshot) => [snapshot, []]));
      const perform = async ({ kind, which }: { kind: string; which: number }): Promise<void> => {
        await scheduler.schedule(Promise.resolve(), kind);
        const snapshot = pool[which] as SealedSnapshot;
        const held = open.get(snapshot) ?? [];
        if (kind === 'save') await save(snapshots, snapshot);
        else if (kind === 'collect') await snapshots.collect(always, 10);
        else if (kind === 'pin') {
          const create = creating(ids.next('run'), { status: 'running', snapshotDigest: snapshot.digest });
          const pinned = await runs.append({ ...create, pinsSnapshot: snapshot.digest }).catch(() => undefined);
          if (pinned?.status === 'appended') held.push(create);
        } else {
          const ending = held.pop();
          if (ending !== undefined) await runs.append(going(ending.head, [note('end')], { status: 'succeeded' }));
        }
      };
      await scheduler.waitFor(Promise.all(acts.map(perform)));
      for (const [snapshot, held] of open) {
        const found = (await snapshots.find(tenant, snapshot.digest)) !== undefined;
        if (held.length > 0) expect(found).toBe(true);
        if (!found) continue;
        for (const part of digestsOf(snapshot)) expect(await snapshots.readPart(tenant, part)).toBeDefined();
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
