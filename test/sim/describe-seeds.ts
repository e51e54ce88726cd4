import { createAgentExecutor } from '@skein/agent';
import { simulate } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

/** Seeds per test, so that a run shows progress and a failure names few. */
const perTest = 25;

/** Plays `count` seeds from `from`. A failing seed is replayed alone with `npm run sim -- --seed N`. */
export const describeSeeds = (from: number, count: number): void => {
  describe('under crashes, partitions, lost answers and late messages every accepted run ends exactly once', () => {
    for (let first = from; first < from + count; first += perTest) {
      const last = Math.min(first + perTest, from + count) - 1;
      test(`seeds ${first} to ${last}`, { timeout: 300_000 }, async () => {
        const failed: string[] = [];
        for (let seed = first; seed <= last; seed += 1) {
          const { problems, lastEvents } = await simulate({ seed, createAgentExecutor });
          if (problems.length === 0) continue;
          failed.push(`seed ${seed} (npm run sim -- --seed ${seed}): ${problems.join('; ')}`);
          console.log(`seed ${seed}, last events:\n${lastEvents.join('\n')}`);
        }
        expect(failed).toEqual([]);
      });
    }
  });
};
