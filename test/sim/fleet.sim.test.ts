import { createAgentExecutor } from '@skein/agent';
import type { FleetMutant } from '@skein/testkit';
import { simulate, simulateMoves } from '@skein/testkit';
import { expect, test } from 'vitest';

/** A fleet that is restarted in order under load: `npm run sim -- --world moves --seed N`. */
const moveSeeds = Array.from({ length: 24 }, (_, index) => index + 1);

/** A fleet whose processes crash, and whose links break: `npm run sim -- --world fleet --seed N`. */
const faultSeeds = [
  ...Array.from({ length: 32 }, (_, index) => index + 1),
  // Wishes for slots that outlived their runs; a worker that came to a coordinator which had just been cut off.
  1_045,
  2_084,
];

/** The first seed that shows each defect; without it these seeds are sound. */
const firstSeeds: Record<FleetMutant, number> = {
  holdings_ignored: 1,
  kept_results_dropped: 15,
  latest_home_ignored: 14,
  session_epoch_ignored: 101,
};

/** Seeds from there on that a defect has to show itself. */
const mutantSeeds = 10;

test('under a restart of every coordinator and worker in order no run is lost, and no step runs twice', {
  timeout: 300_000,
}, async () => {
  const failed: string[] = [];
  for (const seed of moveSeeds) {
    const { problems } = await simulateMoves({ seed });
    if (problems.length > 0) failed.push(`seed ${seed}: ${problems.join('; ')}`);
  }
  expect(failed).toEqual([]);
});

test('under crashes, cuts between coordinators and lost answers every accepted run of a fleet ends exactly once', {
  timeout: 300_000,
}, async () => {
  const failed: string[] = [];
  for (const seed of faultSeeds) {
    const { problems } = await simulate({ seed, fleet: true, createAgentExecutor });
    if (problems.length > 0) failed.push(`seed ${seed}: ${problems.join('; ')}`);
  }
  expect(failed).toEqual([]);
});

test.each(Object.entries(firstSeeds) as [FleetMutant, number][])(
  'the oracle sees the defect %s',
  {
    timeout: 300_000,
  },
  async (mutant, first) => {
    let found = 0;
    for (let seed = first; seed < first + mutantSeeds && found === 0; seed += 1)
      found = (await simulateMoves({ seed, mutant })).problems.length;
    expect(found).toBeGreaterThan(0);
  },
);
