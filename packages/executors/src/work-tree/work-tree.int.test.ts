import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, DomainError, type TreeRef } from '@skein/domain';
import type { WorkTree } from '@skein/ports';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWorkTree } from './create-work-tree.ts';
import { digestOf } from './restore-tree.ts';

const never = new AbortController().signal;
const folders: string[] = [];
const blobs = new Map<Digest, Uint8Array>();
let stored: Digest[];
let secrets: string[];
let onStore: () => void = () => undefined;

const open = (): { readonly root: string; readonly tree: WorkTree } => {
  const root = mkdtempSync(join(tmpdir(), 'work-tree-'));
  folders.push(root);
  const tree = createWorkTree({
    root,
    fetchBlob: async (digest) => {
      const bytes = blobs.get(digest);
      if (bytes === undefined) throw new DomainError('not_found', 'no such bytes');
      return bytes;
    },
    storeBlob: async (bytes) => {
      onStore();
      const digest = digestOf(bytes);
      stored.push(digest);
      blobs.set(digest, Uint8Array.from(bytes));
      return digest;
    },
    holdsSecret: (bytes) => secrets.some((secret) => Buffer.from(bytes).includes(secret)),
    secretsRead: () => secrets.length,
  });
  return { root, tree };
};

/** The tree, kept; fails when nothing changed. */
const keep = async (tree: WorkTree): Promise<TreeRef> => {
  const ref = await tree.capture(never);
  if (ref === undefined) throw new Error('nothing changed');
  return ref;
};

beforeEach(() => {
  blobs.clear();
  stored = [];
  secrets = [];
});
afterEach(() => {
  for (const folder of folders.splice(0)) {
    execFileSync('chmod', ['-R', 'u+rwX', folder]);
    rmSync(folder, { recursive: true });
  }
});

const fill = (root: string): void => {
  mkdirSync(join(root, 'src/deep'), { recursive: true });
  writeFileSync(join(root, 'src/deep/größe.txt'), 'content');
  writeFileSync(join(root, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'large'), Buffer.alloc(9 * 1024 * 1024, 7));
  symlinkSync('../../run.sh', join(root, 'src/deep/run'));
  symlinkSync('src', join(root, 'alias'));
  mkdirSync(join(root, 'none'), { mode: 0o750 });
};

test('a tree is the same on another worker: files, directories, links and permissions [crash 13]', async () => {
  const here = open();
  fill(here.root);
  const ref = await keep(here.tree);
  expect([ref.files, ref.bytes]).toEqual([4, 9 * 1024 * 1024 + 'content'.length + 10]);
  const there = open();
  await there.tree.restore(ref, never);
  expect(readFileSync(join(there.root, 'src/deep/größe.txt'), 'utf8')).toBe('content');
  expect(readFileSync(join(there.root, 'large')).equals(Buffer.alloc(9 * 1024 * 1024, 7))).toBe(true);
  expect(readlinkSync(join(there.root, 'src/deep/run'))).toBe('../../run.sh');
  expect(statSync(join(there.root, 'src/deep/run')).mode & 0o777).toBe(0o755);
  expect(statSync(join(there.root, 'none')).mode & 0o777).toBe(0o750);
  expect(statSync(join(there.root, 'empty')).size).toBe(0);
  expect(await there.tree.capture(never)).toBeUndefined();
});

test('an untouched directory has no tree to keep, and a tree that was emptied again has one', async () => {
  const { root, tree } = open();
  expect(await tree.capture(never)).toBeUndefined();
  writeFileSync(join(root, 'a'), 'a');
  await keep(tree);
  expect(await tree.capture(never)).toBeUndefined();
  rmSync(join(root, 'a'));
  expect((await keep(tree)).files).toBe(0);
});

test('stores what changed and nothing else', async () => {
  const { root, tree } = open();
  fill(root);
  await keep(tree);
  stored = [];
  writeFileSync(join(root, 'new'), 'fresh');
  await keep(tree);
  expect(stored).toHaveLength(2); // the file, and the listing
  stored = [];
  chmodSync(join(root, 'new'), 0o700);
  await keep(tree);
  expect(stored).toHaveLength(1);
});

test('sees a change that leaves size and modification time as they were', async () => {
  const { root, tree } = open();
  const path = join(root, 'a');
  writeFileSync(path, 'one');
  const { atime, mtime } = statSync(path);
  await expect.poll(() => Date.now() - statSync(path).ctimeMs).toBeGreaterThan(60);
  await keep(tree);
  writeFileSync(path, 'two');
  utimesSync(path, atime, mtime);
  expect((await keep(tree)).files).toBe(1);
});

test('a file in which the value of a secret stands is not stored, also when the secret was read after it [S3]', async () => {
  const { root, tree } = open();
  writeFileSync(join(root, 'a'), 'token=canary-7f31');
  await expect.poll(() => Date.now() - statSync(join(root, 'a')).ctimeMs).toBeGreaterThan(60);
  await keep(tree);
  secrets.push('canary-7f31');
  stored = [];
  writeFileSync(join(root, 'b'), 'x');
  await expect(tree.capture(never)).rejects.toMatchObject({ code: 'unprocessable' });
  rmSync(join(root, 'a'));
  writeFileSync(join(root, 'canary-7f31'), 'by its name');
  await expect(tree.capture(never)).rejects.toMatchObject({ code: 'unprocessable' });
  for (const digest of stored) expect(Buffer.from(blobs.get(digest) ?? []).includes('canary')).toBe(false);
});

test.each<[string, (root: string) => void, string]>([
  ['a link that leads out', (root) => symlinkSync('/etc', join(root, 'l')), 'unprocessable'],
  ['a pipe', (root) => void execFileSync('mkfifo', [join(root, 'p')]), 'unprocessable'],
  ['a file of 17 MiB', (root) => writeFileSync(join(root, 'f'), Buffer.alloc(17 * 1024 * 1024)), 'too_large'],
])('%s cannot be kept', async (_case, make, code) => {
  const { root, tree } = open();
  make(root);
  await expect(tree.capture(never)).rejects.toMatchObject({ code });
});

test.each<[string, (ref: TreeRef) => void, string]>([
  ['a missing file', (ref) => void drop(ref), 'not_found'],
  ['a damaged file', (ref) => damage(ref), 'digest_mismatch'],
  ['a missing listing', (ref) => void blobs.delete(ref.digest), 'not_found'],
  ['a damaged listing', (ref) => void blobs.set(ref.digest, new Uint8Array([1])), 'digest_mismatch'],
])('a restore that finds %s leaves the directory empty', async (_case, harm, code) => {
  const here = open();
  fill(here.root);
  chmodSync(join(here.root, 'src/deep'), 0o500);
  const ref = await keep(here.tree);
  harm(ref);
  const there = open();
  await expect(there.tree.restore(ref, never)).rejects.toMatchObject({ code });
  expect(readdirSync(there.root)).toEqual([]);
});

const contentOf = (ref: TreeRef): Digest =>
  [...blobs.keys()].find((digest) => digest !== ref.digest) ?? digestOf(new Uint8Array());
const drop = (ref: TreeRef): boolean => blobs.delete(contentOf(ref));
const damage = (ref: TreeRef): void => {
  const digest = contentOf(ref);
  const bytes = Uint8Array.from(blobs.get(digest) ?? []);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  blobs.set(digest, bytes);
};

test('a hostile listing writes nothing outside of the directory', async () => {
  const { root, tree } = open();
  const content = new TextEncoder().encode('x');
  blobs.set(digestOf(content), content);
  const file = (path: string) => ({ path, kind: 'file', mode: 0o644, size: 1, digest: digestOf(content) });
  for (const entries of [
    [file('../escaped')],
    [{ path: 'l', kind: 'link', target: '..' }, file('l/escaped')],
    [{ path: 'l', kind: 'link', target: tmpdir() }, file('l/escaped')],
  ]) {
    const listing = new TextEncoder().encode(JSON.stringify({ version: 1, entries }));
    blobs.set(digestOf(listing), listing);
    await expect(tree.restore({ digest: digestOf(listing), files: 1, bytes: 1 }, never)).rejects.toMatchObject({
      code: 'unprocessable',
    });
  }
  expect(readdirSync(root)).toEqual([]);
  expect(existsSync(join(tmpdir(), 'escaped'))).toBe(false);
});

test('a restore ends with the reason of an abort', async () => {
  const here = open();
  fill(here.root);
  const ref = await keep(here.tree);
  const there = open();
  const reason = new DomainError('cancelled', 'enough');
  await expect(there.tree.restore(ref, AbortSignal.abort(reason))).rejects.toBe(reason);
});

test('a directory that becomes a link while the tree is kept does not bring in what is outside of it', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'work-tree-'));
  folders.push(outside);
  writeFileSync(join(outside, 'f'), 'theirs');
  const { root, tree } = open();
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(root, name), name);
  mkdirSync(join(root, 'z'));
  writeFileSync(join(root, 'z', 'f'), 'ours!!');
  onStore = () => {
    if (existsSync(join(root, 'moved'))) return;
    renameSync(join(root, 'z'), join(root, 'moved'));
    symlinkSync(outside, join(root, 'z'));
  };
  await expect(tree.capture(never)).rejects.toMatchObject({ code: 'unprocessable' });
  expect(stored).not.toContain(digestOf(new TextEncoder().encode('theirs')));
  onStore = () => undefined;
  rmSync(join(root, 'z'));
  expect(await tree.capture(never)).toMatchObject({ files: 5 });
});

test('files of every kind in a directory larger than one look at it', async () => {
  const { root, tree } = open();
  for (let count = 0; count < 150; count += 1) writeFileSync(join(root, `f${count}`), `${count}`);
  mkdirSync(join(root, 'empty'));
  symlinkSync('f0', join(root, 'link'));
  const kept = await tree.capture(never);
  expect(kept).toMatchObject({ files: 150 });
  const other = open();
  await other.tree.restore(kept as TreeRef, never);
  expect(readdirSync(other.root).toSorted()).toEqual(readdirSync(root).toSorted());
  expect(await other.tree.capture(never)).toBeUndefined();
});
