import type { RolloutMutant } from '@skein/testkit';
import { simulateRollouts } from '@skein/testkit';
import { expect, test } from 'vitest';

/** What the oracle says of each defect. These seeds are sound without it (rollouts.sim.test.ts). */
const telltales: Record<RolloutMutant, string> = {
  guard_removed: 'I7:',
  arm_in_unit: 'is counted twice',
  evidence_cleared: 'is not that of its rows',
  two_writes: 'I4:',
  blind_evaluator: 'does not follow from what was written',
  memory_shared: 'I9:',
};

test.each(Object.entries(telltales) as [RolloutMutant, string][])(
  'the oracle of rollouts sees the defect %s',
  {
    timeout: 300_000,
  },
  async (mutant, telltale) => {
    const found: string[] = [];
    for (let seed = 1; seed <= 200 && found.length === 0; seed += 1) {
      const { problems } = await simulateRollouts({ seed, mutant });
      found.push(...problems.filter((problem) => problem.includes(telltale)));
    }
    expect(found.length).toBeGreaterThan(0);
  },
);
