import { createAgentExecutor } from '@skein/agent';
import type { SimMutant } from '@skein/testkit';
import { simulate } from '@skein/testkit';
import { expect, test } from 'vitest';

/** What the oracle says of each defect. These seeds are sound without it (faults-*.sim.test.ts). */
const telltales: Record<SimMutant, string> = {
  no_fencing: 'was never produced under token',
  outbox_dropped: 'arrived and was forgotten',
  checkpoint_not_committed: 'points acknowledged',
  no_dedup: 'runs for',
  keeps_everything: 'kept although its lease is over',
  loss_forgotten: 'lost at',
  double_credits: 'offered beyond the free slots',
  adopts_unchecked: 'never ended',
  child_not_missed: 'was never created',
  return_forgotten: 'returned twice',
};

test.each(Object.entries(telltales) as [SimMutant, string][])(
  'the oracle sees the defect %s',
  {
    timeout: 300_000,
  },
  async (mutant, telltale) => {
    const found: string[] = [];
    for (let seed = 1; seed <= 200 && found.length === 0; seed += 1) {
      const { problems } = await simulate({ seed, mutant, createAgentExecutor });
      found.push(...problems.filter((problem) => problem.includes(telltale)));
    }
    expect(found.length).toBeGreaterThan(0);
  },
);
