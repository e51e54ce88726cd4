import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const all = Array.from({ length: 256 }, (_, shard) => shard);

/** Conformance of the shard leases. */
export const describeShardStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: shard store`, () => {
    const harness = useHarness(make);

    test('the first to claim is home to every shard, and renewing keeps the epoch', async () => {
      const { shards } = await harness.open();
      const first = await shards.claim('c1', all, 1_000, 5_000);
      expect(first.map((home) => home.shard).toSorted((a, b) => a - b)).toEqual(all);
      expect(await shards.claim('c1', [3], 4_000, 5_000)).toEqual(first.filter((home) => home.shard === 3));
      expect(await shards.claim('c2', all, 5_999, 5_000)).toEqual([]);
    });

    test('a lapsed shard changes hands and its epoch rises; the old home does not get it back', async () => {
      const { shards } = await harness.open();
      const [before] = await shards.claim('c1', [7], 1_000, 5_000);
      const [after] = await shards.claim('c2', [7], 6_000, 5_000);
      expect(after?.coordinatorId).toBe('c2');
      expect(after?.epoch).toBeGreaterThan(before?.epoch ?? Number.POSITIVE_INFINITY);
      expect(await shards.claim('c1', [7], 7_000, 5_000)).toEqual([]);
    });

    test('an owner that claims after its own lapse keeps its epoch if nobody came between', async () => {
      const { shards } = await harness.open();
      const before = await shards.claim('c1', [1], 1_000, 1_000);
      expect(await shards.claim('c1', [1], 9_000, 1_000)).toEqual(before);
    });

    test('a row tells its home, and its renewal rises with every claim, whatever is taken for lapsed', async () => {
      const { shards } = await harness.open();
      await shards.claim('c1', [5], 0, 1_000);
      const [first] = await shards.read();
      expect(first).toMatchObject({ shard: 5, coordinatorId: 'c1', epoch: 1 });
      await shards.claim('c1', [5], 0, 1_000);
      const [second] = await shards.read();
      expect(second?.renewal).toBeGreaterThan(first?.renewal ?? Number.POSITIVE_INFINITY);
      // It was renewed since somebody looked: it has not lapsed.
      expect(await shards.claim('c2', [5], first?.renewal ?? 0, 1_000)).toEqual([]);
      expect(await shards.claim('c2', [5], second?.renewal ?? 0, 1_000)).toHaveLength(1);
      expect((await shards.read())[0]).toMatchObject({ coordinatorId: 'c2', epoch: 2 });
      await shards.release('c2');
      expect(await shards.read()).toEqual([]);
    });

    test('release frees what is ours and nothing else', async () => {
      const { shards } = await harness.open();
      await shards.claim('c1', [1], 1_000, 60_000);
      await shards.claim('c2', [2], 1_000, 60_000);
      await shards.release('c1');
      await shards.release('c1');
      const taken = await shards.claim('c3', [1, 2], 1_001, 60_000);
      expect(taken.map((home) => home.shard)).toEqual([1]);
      expect(taken[0]?.epoch).toBeGreaterThan(1);
    });

    test('concurrent claims give each shard one home', async () => {
      const { shards } = await harness.open();
      const claims = ['c1', 'c2', 'c3'].map((coordinator) => shards.claim(coordinator, all, 1_000, 5_000));
      const homes = (await Promise.all(claims)).flat();
      expect(homes).toHaveLength(256);
      expect(new Set(homes.map((home) => home.shard)).size).toBe(256);
    });

    test('a take-over takes what is still as it was seen, free or owned, at the next epoch', async () => {
      const { shards } = await harness.open();
      expect(await shards.takeOver('c1', [])).toEqual([]);
      const seen = [1, 2, 3].map((shard) => ({ shard, epoch: 0 }));
      expect(await shards.takeOver('c1', seen)).toEqual(
        [1, 2, 3].map((shard) => ({ shard, coordinatorId: 'c1', epoch: 1 })),
      );
      expect(await shards.takeOver('c2', seen)).toEqual([]);
      await shards.release('c1', [2]);
      const next = await shards.takeOver('c2', [
        { shard: 1, epoch: 1 },
        { shard: 2, epoch: 1 },
        { shard: 3, epoch: 0 },
        { shard: 4, epoch: 0 },
      ]);
      expect(next).toEqual([
        { shard: 1, coordinatorId: 'c2', epoch: 2 },
        { shard: 2, coordinatorId: 'c2', epoch: 2 },
        { shard: 4, coordinatorId: 'c2', epoch: 1 },
      ]);
      expect(await shards.takeOver('c2', [{ shard: 1, epoch: 1 }])).toMatchObject([{ epoch: 2 }]);
      expect(await shards.takeOver('c1', [{ shard: 1, epoch: 1 }])).toEqual([]);
    });

    test('every row is told, with its epoch, also when nobody is home', async () => {
      const { shards } = await harness.open();
      expect(await shards.readAll()).toEqual([]);
      await shards.takeOver(
        'c1',
        [9, 7, 8].map((shard) => ({ shard, epoch: 0 })),
      );
      await shards.release('c1', [8]);
      await shards.release('c2', [7]);
      await shards.release('c1', []);
      expect(await shards.readAll()).toEqual([
        { shard: 7, coordinatorId: 'c1', epoch: 1 },
        { shard: 8, epoch: 1 },
        { shard: 9, coordinatorId: 'c1', epoch: 1 },
      ]);
      expect((await shards.read()).map(({ shard }) => shard).toSorted((a, b) => a - b)).toEqual([7, 9]);
    });

    test('of those that take a shard over at once, as they saw it, one wins', async () => {
      const { shards } = await harness.open();
      for (const epoch of [0, 1, 2]) {
        const seen = all.map((shard) => ({ shard, epoch }));
        const takes = ['c1', 'c2', 'c3'].map((coordinator, index) =>
          shards.takeOver(coordinator, index === 1 ? seen.toReversed() : seen),
        );
        const homes = (await Promise.all(takes)).flat();
        expect(homes).toHaveLength(256);
        expect(new Set(homes.map((home) => home.shard)).size).toBe(256);
        expect(homes.every((home) => home.epoch === epoch + 1)).toBe(true);
        const rows = await shards.readAll();
        expect(rows).toEqual(homes.toSorted((a, b) => a.shard - b.shard));
      }
    });

    durableTest(harness, 'epochs go on rising after a restart', async (reopen) => {
      const { shards } = await harness.open();
      const [before] = await shards.claim('c1', [1], 1_000, 1_000);
      const [after] = await (await reopen()).shards.claim('c2', [1], 9_000, 1_000);
      expect(after?.epoch).toBeGreaterThan(before?.epoch ?? Number.POSITIVE_INFINITY);
    });
  });
};
