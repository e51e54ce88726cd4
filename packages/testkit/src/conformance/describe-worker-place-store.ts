import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

/** Conformance of the places of workers. */
export const describeWorkerPlaceStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: worker place store`, () => {
    const harness = useHarness(make);

    test('each claim takes the place at a higher epoch', async () => {
      const { places } = await harness.open();
      const first = await places.claim('default', 'w1', 'c1', 's1');
      expect(first).toMatchObject({ workerId: 'w1', coordinatorId: 'c1', sessionId: 's1' });
      expect(await places.read('default', 'w1')).toEqual(first);
      const second = await places.claim('default', 'w1', 'c2', 's2');
      expect(second.epoch).toBeGreaterThan(first.epoch);
      expect(await places.read('default', 'w1')).toEqual(second);
    });

    test('workers and tenants do not share places', async () => {
      const { places } = await harness.open();
      await places.claim('default', 'w1', 'c1', 's1');
      expect(await places.read('default', 'w2')).toBeUndefined();
      expect(await places.read('other', 'w1')).toBeUndefined();
    });

    test('a release counts only at the epoch of the claim, and the next claim is above it', async () => {
      const { places } = await harness.open();
      const first = await places.claim('default', 'w1', 'c1', 's1');
      const second = await places.claim('default', 'w1', 'c2', 's2');
      await places.release('default', 'w1', first.epoch);
      expect(await places.read('default', 'w1')).toEqual(second);
      await places.release('default', 'w1', second.epoch);
      await places.release('default', 'w1', second.epoch);
      expect(await places.read('default', 'w1')).toBeUndefined();
      expect((await places.claim('default', 'w1', 'c1', 's3')).epoch).toBeGreaterThan(second.epoch);
    });

    test('claims at once have distinct epochs, and the highest has the place', async () => {
      const { places } = await harness.open();
      const claims = Array.from({ length: 20 }, (_, index) =>
        places.claim('default', 'w1', `c${index % 3}`, `s${index}`),
      );
      const taken = await Promise.all(claims);
      expect(new Set(taken.map(({ epoch }) => epoch)).size).toBe(20);
      const highest = taken.toSorted((a, b) => b.epoch - a.epoch)[0];
      expect(await places.read('default', 'w1')).toEqual(highest);
    });

    test('rows that did not change for long are forgotten, but not those that a live coordinator holds', async () => {
      const { places } = await harness.open();
      await places.claim('default', 'held', 'c1', 's1');
      await places.claim('default', 'orphan', 'c2', 's2');
      const { epoch } = await places.claim('default', 'released', 'c1', 's3');
      await places.release('default', 'released', epoch);
      await harness.clock.advance(10_000);
      await places.claim('default', 'fresh', 'c2', 's4');
      expect(await places.prune(harness.clock.now(), ['c1', 'c3'])).toBe(2);
      expect(await places.read('default', 'orphan')).toBeUndefined();
      for (const workerId of ['held', 'fresh']) expect(await places.read('default', workerId), workerId).toBeDefined();
      await harness.clock.advance(1);
      expect(await places.prune(harness.clock.now(), [])).toBe(2);
    });

    durableTest(harness, 'epochs go on rising after a restart', async (reopen) => {
      const { places } = await harness.open();
      const before = await places.claim('default', 'w1', 'c1', 's1');
      const after = await (await reopen()).places.claim('default', 'w1', 'c1', 's1');
      expect(after.epoch).toBeGreaterThan(before.epoch);
    });
  });
};
