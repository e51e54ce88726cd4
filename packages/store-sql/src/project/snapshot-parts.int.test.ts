import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import { createNodeHasher, type SealedSnapshot, sealed } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileBlobStore } from '../files/file-blob-store.ts';
import { FilePartStore } from '../files/file-part-store.ts';
import { type OpenDatabase, openDatabase } from '../sql/open-database.ts';
import type { Committer } from '../sql/write-unit.ts';
import { SqlSnapshotStore } from './sql-snapshot-store.ts';

const always = Number.MAX_SAFE_INTEGER;
const hasher = createNodeHasher();
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
  let puts = 0;
  class Slow extends FileBlobStore {
    override put(of: string, bytes: Uint8Array): Promise<string> {
      puts += 1;
      return super.put(of, bytes);
    }
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
  const saving: Promise<void>[] = [];
  for (let removed = 0; removed < 2; removed += 1) {
    while (waiting.length === 0) await turn();
    saving.push(save(snapshots, snapshot));
    // Whoever did not wait would be writing by now.
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect(puts, `${removed} removed`).toBe(1);
    waiting.shift()?.();
  }
  await Promise.all([collection, ...saving]);
  expect(await readFile(pathOf(part), 'utf8')).toBe('one');
  expect(await snapshots.readPart(tenant, part)).toBeDefined();
});
