import type { RunHint, RunQueue } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { type MakeHarness, useHarness } from './store-harness.ts';

const hint = (index: number, change: Partial<RunHint> = {}): RunHint => ({
  tenant: 'default',
  runId: `run_${index}`,
  shard: index,
  priority: 0,
  seq: 1,
  ...change,
});

const claimRuns = async (queue: RunQueue, limit: number, visibilityMs = 1_000): Promise<readonly string[]> =>
  (await queue.claim(limit, visibilityMs)).map((claimed) => claimed.runId);

/** Conformance of the hint queue. Its visibility time is judged by the harness's clock. */
export const describeRunQueue = (name: string, make: MakeHarness): void => {
  describe(`${name}: run queue`, () => {
    const harness = useHarness(make);

    test('hands out hints by priority, then in the order in which they came', async () => {
      const { queue } = await harness.open();
      await queue.publish([hint(1), hint(2), hint(3, { priority: 5 })]);
      await queue.publish([hint(4), hint(5, { priority: -1 })]);
      const claimed = await queue.claim(2, 1_000);
      const names = claimed.map((one) => one.claim);
      expect(claimed.map(({ claim, ...rest }) => [claim.length > 0, rest])).toEqual([
        [true, hint(3, { priority: 5 })],
        [true, hint(1)],
      ]);
      expect(new Set(names).size).toBe(2);
      expect(await claimRuns(queue, 10)).toEqual(['run_2', 'run_4', 'run_5']);
      expect(await claimRuns(queue, 10)).toEqual([]);
    });

    test('publishing a hint twice equals once; another head of the run is another hint', async () => {
      const { queue } = await harness.open();
      await queue.publish([hint(1), hint(1)]);
      await queue.publish([hint(1)]);
      expect(await queue.size()).toBe(1);
      await queue.publish([hint(1, { seq: 2 }), hint(1, { tenant: 'other' })]);
      expect(await queue.size()).toBe(3);
    });

    test('a done hint is gone and may be published again', async () => {
      const { queue } = await harness.open();
      await queue.publish([hint(1), hint(2)]);
      const [first] = await queue.claim(1, 1_000);
      await queue.done([first?.claim ?? '', 'claim-unknown']);
      expect(await queue.size()).toBe(1);
      await queue.publish([hint(1)]);
      expect([...(await claimRuns(queue, 5))].toSorted()).toEqual(['run_1', 'run_2']);
    });

    test('a released hint is handed out again at once, in its old place', async () => {
      const { queue } = await harness.open();
      await queue.publish([hint(1), hint(2)]);
      const claimed = await queue.claim(1, 60_000);
      await queue.release(claimed.map((one) => one.claim));
      expect(await claimRuns(queue, 1)).toEqual(['run_1']);
    });

    test('a claim that is neither done nor released comes back after its visibility time, not before', async () => {
      const { queue } = await harness.open();
      await queue.publish([hint(1)]);
      const [first] = await queue.claim(1, 1_000);
      await harness.clock.advance(999);
      expect(await claimRuns(queue, 1)).toEqual([]);
      await harness.clock.advance(1);
      const [second] = await queue.claim(1, 1_000);
      expect(second?.runId).toBe('run_1');
      await queue.done([first?.claim ?? '']);
      expect(await queue.size()).toBe(1);
      await queue.release([first?.claim ?? '']);
      expect(await claimRuns(queue, 1)).toEqual([]);
      await queue.done([second?.claim ?? '']);
      expect(await queue.size()).toBe(0);
    });

    test('wakes listeners when hints come, are released, or lapse', async () => {
      const { queue } = await harness.open();
      let wakes = 0;
      const stop = queue.onAvailable(() => {
        wakes += 1;
      });
      await queue.publish([hint(1)]);
      expect(wakes).toBeGreaterThan(0);
      wakes = 0;
      const claimed = await queue.claim(1, 1_000);
      await queue.release(claimed.map((one) => one.claim));
      expect(wakes).toBeGreaterThan(0);
      await queue.claim(1, 1_000);
      wakes = 0;
      await harness.clock.advance(2_000);
      expect(wakes).toBeGreaterThan(0);
      stop();
      wakes = 0;
      await queue.publish([hint(2)]);
      expect(wakes).toBe(0);
    });

    test('concurrent claims never share a hint', async () => {
      const { queue } = await harness.open();
      await queue.publish(Array.from({ length: 200 }, (_, index) => hint(index)));
      const claims = await Promise.all(Array.from({ length: 10 }, () => queue.claim(30, 1_000)));
      const runs = claims.flat().map((claimed) => claimed.runId);
      expect(runs).toHaveLength(200);
      expect(new Set(runs).size).toBe(200);
    });

    test('empty calls do nothing', async () => {
      const { queue } = await harness.open();
      await queue.publish([]);
      await queue.done([]);
      await queue.release([]);
      expect(await queue.claim(0, 1_000)).toEqual([]);
      expect(await queue.size()).toBe(0);
    });
  });
};
