import { defaultTenant, isTerminalRun, type RunStatus } from '@skein/domain';
import type { AppendRequest, RunHead, RunStore } from '@skein/ports';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { creating, digestOf, going, note } from './run-fixtures.ts';
import { type SealedSnapshot, sealed } from './snapshot-fixtures.ts';
import type { StoreHarness, StoresUnderTest } from './store-harness.ts';

const tenant = defaultTenant;
const always = Number.MAX_SAFE_INTEGER;

const save = ({ snapshots }: StoresUnderTest, { digest, manifest, parts }: SealedSnapshot, at = 1_000): Promise<void> =>
  snapshots.save(tenant, digest, manifest, parts, at);

/** One thing that happens to one run. */
interface Turn {
  readonly run: number;
  readonly kind: 'create' | 'admit' | 'note' | 'end' | 'late' | 'again';
  readonly snapshot: number;
}

const turns = fc.array(
  fc.record({
    run: fc.nat({ max: 4 }),
    kind: fc.constantFrom('create', 'admit', 'admit', 'note', 'end', 'end', 'late', 'again'),
    snapshot: fc.nat({ max: 2 }),
  }),
  { minLength: 5, maxLength: 40 },
) as fc.Arbitrary<readonly Turn[]>;

const ends: readonly RunStatus[] = ['succeeded', 'failed', 'cancelled'];

/** The append that a turn asks for, as a coordinator that knows `head` would write it. */
const requestOf = (turn: Turn, runId: string, head: RunHead | undefined, digests: readonly string[]): AppendRequest => {
  const pinsSnapshot = digests[turn.snapshot] as string;
  if (head === undefined || turn.kind === 'create') {
    if (turn.kind === 'admit') {
      return { ...creating(runId, { status: 'running', snapshotDigest: pinsSnapshot }), pinsSnapshot };
    }
    return creating(runId);
  }
  if (turn.kind === 'late') return going(head, [note('late')], { status: 'failed' }, head.seq + 1);
  if (isTerminalRun(head.status)) return going(head, [note('after')]);
  if (turn.kind === 'end') {
    const status = ends[turn.snapshot] as RunStatus;
    return going(head, [note('end', 2_000)], { status, finishedAt: 2_000 });
  }
  if (turn.kind === 'note' || head.snapshotDigest !== undefined) return going(head, [note('on')]);
  return { ...going(head, [note('admit')], { status: 'running', snapshotDigest: pinsSnapshot }), pinsSnapshot };
};

/** Conformance of the counted references: open runs hold their snapshots, and nothing else does. */
export const describeSnapshotReferences = (harness: StoreHarness): void => {
  const ids = createSequenceIds(8);

  test('an open run holds its snapshot from its admission to its end, and no longer', async () => {
    const stores = await harness.open();
    const snapshot = sealed('one');
    await save(stores, snapshot);
    const create = creating(ids.next('run'));
    await stores.runs.append(create);
    const admit = going(create.head, [note('admit')], { status: 'running', snapshotDigest: snapshot.digest });
    await stores.runs.append({ ...admit, pinsSnapshot: snapshot.digest });
    expect((await stores.snapshots.collect(always, 10)).snapshots).toEqual([]);
    const on = going(admit.head, [note('on')], { status: 'waiting' });
    await stores.runs.append(on);
    expect((await stores.snapshots.collect(always, 10)).snapshots).toEqual([]);
    await stores.runs.append(going(on.head, [note('end')], { status: 'failed', finishedAt: 7_000 }));
    expect((await stores.snapshots.collect(7_000, 10)).snapshots).toEqual([]);
    expect((await stores.snapshots.collect(7_001, 10)).snapshots).toEqual([{ tenant, digest: snapshot.digest }]);
  });

  test('two runs hold one snapshot until both have ended', async () => {
    const stores = await harness.open();
    const snapshot = sealed('one');
    await save(stores, snapshot);
    const made = [0, 1].map(() => creating(ids.next('run'), { status: 'running', snapshotDigest: snapshot.digest }));
    for (const create of made) await stores.runs.append({ ...create, pinsSnapshot: snapshot.digest });
    for (const [ended, { head }] of made.entries()) {
      expect((await stores.snapshots.collect(always, 10)).snapshots, `${ended} ended`).toEqual([]);
      await stores.runs.append(going(head, [note('end')], { status: 'succeeded' }));
    }
    expect((await stores.snapshots.collect(always, 10)).snapshots).toHaveLength(1);
  });

  test('no open run comes to refer to a snapshot that is not stored, pinned or not', async () => {
    const stores = await harness.open();
    const create = creating(ids.next('run'), { status: 'running', snapshotDigest: digestOf(5) });
    await expect(stores.runs.append(create)).rejects.toMatchObject({ code: 'version_conflict' });
    expect(await stores.runs.readHead(tenant, create.runId)).toBeUndefined();
    expect(await stores.runs.append({ ...create, head: { ...create.head, status: 'failed' } })).toEqual({
      status: 'appended',
    });
  });

  test('a run that turns to another snapshot holds the old one beside it until an append lets go of it', async () => {
    for (const reopens of [false, true]) {
      let stores = await harness.open();
      const [before, after] = [sealed('before'), sealed('after')];
      for (const snapshot of [before, after]) await save(stores, snapshot);
      const create = creating(ids.next('run'), { status: 'running', snapshotDigest: before.digest });
      await stores.runs.append({ ...create, pinsSnapshot: before.digest });
      // A store that was opened again does not know the head that goes before.
      if (reopens && harness.reopen !== undefined) stores = await harness.reopen();
      const turn = going(create.head, [note('turn')], { snapshotDigest: after.digest });
      const gone = { take: [digestOf(5)], release: [] };
      await expect(stores.runs.append({ ...turn, holds: gone })).rejects.toMatchObject({ code: 'version_conflict' });
      await stores.runs.append({ ...turn, holds: { take: [before.digest], release: [] } });
      expect((await stores.snapshots.collect(always, 10)).snapshots).toEqual([]);
      const on = going(turn.head, [note('on')]);
      await stores.runs.append({ ...on, holds: { take: [], release: [before.digest] } });
      expect((await stores.snapshots.collect(always, 10)).snapshots).toEqual([{ tenant, digest: before.digest }]);
      await stores.runs.append(going(on.head, [note('end')], { status: 'succeeded' }));
      expect((await stores.snapshots.collect(always, 10)).snapshots).toEqual([{ tenant, digest: after.digest }]);
    }
  });

  test('an append that is refused leaves the references as they were', async () => {
    const stores = await harness.open();
    const snapshot = sealed('one');
    await save(stores, snapshot);
    const create = creating(ids.next('run'), { status: 'running', snapshotDigest: snapshot.digest });
    const pinning = { ...create, pinsSnapshot: snapshot.digest };
    await expect(stores.runs.append({ ...pinning, expectsRevision: 9 })).rejects.toMatchObject({
      code: 'version_conflict',
    });
    await expect(stores.runs.append({ ...pinning, pinsSnapshot: digestOf(5) })).rejects.toMatchObject({
      code: 'version_conflict',
    });
    expect((await stores.snapshots.collect(always, 10)).snapshots).toHaveLength(1);
  });

  test('random appends of many runs hold exactly the snapshots that open runs name', async () => {
    await fc.assert(
      fc.asyncProperty(turns, fc.boolean(), async (plan, together) => {
        const stores = await harness.open();
        const texts = ['a', 'b', 'c'].map((text) => sealed(text));
        for (const snapshot of texts) await save(stores, snapshot);
        const digests = texts.map(({ digest }) => digest);
        const runIds = Array.from({ length: 5 }, () => ids.next('run'));
        await play(stores.runs, plan, runIds, digests, together);
        const heads = await Promise.all(runIds.map((runId) => stores.runs.readHead(tenant, runId)));
        const open = heads.filter((head) => head !== undefined && !isTerminalRun(head.status));
        const held = new Set(open.map((head) => head?.snapshotDigest));
        const removed = (await stores.snapshots.collect(always, 10)).snapshots.map(({ digest }) => digest);
        expect(removed.toSorted()).toEqual(digests.filter((digest) => !held.has(digest)).toSorted());
        for (const head of open) {
          if (head !== undefined) await stores.runs.append(going(head, [note('end')], { status: 'cancelled' }));
        }
        expect((await stores.snapshots.collect(always, 10)).snapshots).toHaveLength(
          digests.filter((digest) => held.has(digest)).length,
        );
      }),
      { numRuns: harness.reopen === undefined ? 200 : 12 },
    );
  }, 120_000);
};

/** Carries the plan out, one append after the other or as many as are asked for at once; heads are what the caller believes. */
const play = async (
  runs: RunStore,
  plan: readonly Turn[],
  runIds: readonly string[],
  digests: readonly string[],
  together: boolean,
): Promise<void> => {
  const believed = new Map<string, RunHead>();
  let last: AppendRequest | undefined;
  const pending: Promise<unknown>[] = [];
  for (const turn of plan) {
    const runId = runIds[turn.run] as string;
    const request: AppendRequest =
      turn.kind === 'again' && last !== undefined ? last : requestOf(turn, runId, believed.get(runId), digests);
    last = request;
    const done = runs.append(request).catch(() => undefined);
    const known = believed.get(request.runId);
    if (turn.kind !== 'late' && request.expectedSeq === (known?.seq ?? 0)) believed.set(request.runId, request.head);
    if (together) pending.push(done);
    else await done;
  }
  await Promise.all(pending);
};
