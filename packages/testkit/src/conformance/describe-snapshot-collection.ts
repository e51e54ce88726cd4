import { type Digest, defaultTenant } from '@skein/domain';
import type { SnapshotStore } from '@skein/ports';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { creating } from './run-fixtures.ts';
import { type SealedSnapshot, sealed } from './snapshot-fixtures.ts';
import { durableTest, type StoreHarness } from './store-harness.ts';

const tenant = defaultTenant;
const always = Number.MAX_SAFE_INTEGER;

const save = (snapshots: SnapshotStore, { digest, manifest, parts }: SealedSnapshot, at = 1_000, of = tenant) =>
  snapshots.save(of, digest, manifest, parts, at);

/** True when the manifest and every part are there. */
const isWhole = async (snapshots: SnapshotStore, { digest, parts }: SealedSnapshot, of = tenant): Promise<boolean> => {
  if ((await snapshots.find(of, digest)) === undefined) return false;
  const read = await Promise.all([...parts.keys()].map((part) => snapshots.readPart(of, part)));
  return read.every((bytes) => bytes !== undefined);
};

const partOf = (text: string): Digest => [...sealed(text).parts.keys()][0] as Digest;

/** Conformance of the collection of snapshots that nobody needs. */
export const describeSnapshotCollection = (harness: StoreHarness): void => {
  const ids = createSequenceIds(9);

  test('collects what was not used since an instant, and the parts that no other snapshot lists', async () => {
    const { snapshots } = await harness.open();
    const [old, young] = [sealed('shared', 'old'), sealed('shared', 'young')];
    await save(snapshots, old, 1_000);
    await save(snapshots, young, 2_000);
    expect(await snapshots.collect(1_000, 10)).toEqual({ snapshots: [], parts: 0, bytes: 0 });
    expect(await snapshots.collect(2_000, 10)).toEqual({
      snapshots: [{ tenant, digest: old.digest }],
      parts: 1,
      bytes: 'old'.length,
    });
    expect(await snapshots.find(tenant, old.digest)).toBeUndefined();
    expect(await snapshots.readPart(tenant, partOf('old'))).toBeUndefined();
    expect(await isWhole(snapshots, young)).toBe(true);
    expect(await snapshots.collect(always, 10)).toMatchObject({ parts: 2, bytes: 'sharedyoung'.length });
    expect(await snapshots.readPart(tenant, partOf('shared'))).toBeUndefined();
    expect(await snapshots.collect(always, 10)).toEqual({ snapshots: [], parts: 0, bytes: 0 });
  });

  test('collects no more at a time than asked for, the longest unused first', async () => {
    const { snapshots } = await harness.open();
    const made = [3, 1, 2].map((age) => ({ snapshot: sealed(`age ${age}`), at: age }));
    for (const { snapshot, at } of made) await save(snapshots, snapshot, at);
    const digests = [1, 2, 3].map((age) => sealed(`age ${age}`).digest);
    const collected = async (limit: number) =>
      (await snapshots.collect(always, limit)).snapshots.map(({ digest }) => digest);
    expect(await collected(2)).toEqual(digests.slice(0, 2));
    expect(await collected(2)).toEqual(digests.slice(2));
  });

  test('a snapshot that is sealed again is used again, and its earlier instants do not take that back', async () => {
    const { snapshots } = await harness.open();
    const snapshot = sealed('one');
    for (const at of [1_000, 9_000, 2_000]) await save(snapshots, snapshot, at);
    expect((await snapshots.collect(9_000, 10)).snapshots).toEqual([]);
    expect((await snapshots.collect(9_001, 10)).snapshots).toHaveLength(1);
  });

  test('tenants do not share parts, and neither loses what the other’s collection removes', async () => {
    const { snapshots } = await harness.open();
    const snapshot = sealed('one');
    await save(snapshots, snapshot, 1_000);
    await save(snapshots, snapshot, 5_000, 'other');
    expect(await snapshots.collect(2_000, 10)).toMatchObject({ snapshots: [{ tenant }], parts: 1 });
    expect(await isWhole(snapshots, snapshot)).toBe(false);
    expect(await isWhole(snapshots, snapshot, 'other')).toBe(true);
  });

  test('what was collected can be sealed again, whole', async () => {
    const { snapshots, runs } = await harness.open();
    const snapshot = sealed('one', 'two');
    const pinning = () => {
      const create = creating(ids.next('run'), { status: 'running', snapshotDigest: snapshot.digest });
      return { ...create, pinsSnapshot: snapshot.digest };
    };
    await save(snapshots, snapshot);
    await snapshots.collect(always, 10);
    await expect(runs.append(pinning())).rejects.toMatchObject({ code: 'version_conflict' });
    await save(snapshots, snapshot);
    expect(await isWhole(snapshots, snapshot)).toBe(true);
    expect(await runs.append(pinning())).toEqual({ status: 'appended' });
  });

  test('parts of a publication outlive every snapshot that holds them', async () => {
    const { snapshots, projects, blobs } = await harness.open();
    const bytes = new TextEncoder().encode('a soul');
    const digest = partOf('a soul');
    await projects.publish({
      tenant,
      dags: [],
      parts: [{ kind: 'soul', name: 's', digest, bytes }],
      agents: [],
      activate: [],
      candidates: [],
      subDags: [],
      memory: [],
      at: 1,
    });
    await blobs.put(tenant, new TextEncoder().encode('an output'));
    await save(snapshots, sealed('a soul', 'an output'));
    await snapshots.collect(always, 10);
    expect(await projects.readPart(tenant, digest)).toEqual(bytes);
    expect(await blobs.has(tenant, partOf('an output'))).toBe(true);
  });

  test('saves, collections and pinning appends in any order: what a run pins is whole, and what is not whole is refused', async () => {
    const texts = ['a', 'b', 'c'];
    const pool = [sealed('a', 'b'), sealed('b', 'c'), sealed('a', 'c'), sealed(...texts)];
    const act = fc.record({
      kind: fc.constantFrom('save', 'save', 'pin', 'collect', 'collect'),
      which: fc.nat({ max: 3 }),
      turns: fc.nat({ max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 4, maxLength: 24 }), async (acts) => {
        const { snapshots, runs } = await harness.open();
        const pinned = new Set<SealedSnapshot>();
        const failures: unknown[] = [];
        await Promise.all(
          acts.map(async ({ kind, which, turns }) => {
            for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
            const snapshot = pool[which] as SealedSnapshot;
            if (kind === 'collect') await snapshots.collect(always, 10);
            else if (kind === 'save') await save(snapshots, snapshot);
            else {
              const { digest } = snapshot;
              const create = creating(ids.next('run'), { status: 'running', snapshotDigest: digest });
              try {
                await runs.append({ ...create, pinsSnapshot: digest });
                pinned.add(snapshot);
              } catch (error) {
                failures.push(error);
              }
            }
          }),
        );
        for (const error of failures) expect(error).toMatchObject({ code: 'version_conflict' });
        for (const snapshot of pinned) expect(await isWhole(snapshots, snapshot), snapshot.digest).toBe(true);
        for (const snapshot of pool) {
          const found = (await snapshots.find(tenant, snapshot.digest)) !== undefined;
          expect(await isWhole(snapshots, snapshot), snapshot.digest).toBe(found);
        }
        await snapshots.collect(always, 10);
        const needed = new Set([...pinned].flatMap(({ parts }) => [...parts.keys()]));
        for (const text of texts) {
          const there = (await snapshots.readPart(tenant, partOf(text))) !== undefined;
          expect(there, text).toBe(needed.has(partOf(text)));
        }
      }),
      { numRuns: harness.reopen === undefined ? 200 : 25 },
    );
  }, 120_000);

  durableTest(harness, 'references and instants survive a restart', async (reopen) => {
    const { snapshots, runs } = await harness.open();
    const [held, free] = [sealed('held'), sealed('free')];
    await save(snapshots, held);
    await save(snapshots, free, 3_000);
    const create = creating(ids.next('run'), { status: 'running', snapshotDigest: held.digest });
    await runs.append({ ...create, pinsSnapshot: held.digest });
    const again = (await reopen()).snapshots;
    expect((await again.collect(3_000, 10)).snapshots).toEqual([]);
    expect((await again.collect(3_001, 10)).snapshots).toEqual([{ tenant, digest: free.digest }]);
    expect(await isWhole(again, held)).toBe(true);
  });
};
