import { createAgentExecutor } from '@skein/agent';
import { simulate, simulateRollouts } from '@skein/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { endGrounds, withGround } from './real-ground.ts';

/** Worlds on databases take seconds each: `npm run sim -- --store postgres --seeds 100` plays more. */
const seeds = [1, 2, 3];

afterAll(endGrounds);

describe.each(['libsql', 'postgres'] as const)('on %s', (store) => {
  test.each(seeds)('every accepted run ends exactly once, seed %i', { timeout: 300_000 }, async (seed) => {
    const { problems, runs } = await withGround(store, { inTurn: false }, (ground) =>
      simulate({ seed, createAgentExecutor, ...ground }),
    );
    expect(problems).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  });

  test.each(seeds.slice(0, 1))(
    '[g12.14] rollouts keep I1 to I9, O2, O4 and O6 at every commit, seed %i',
    {
      timeout: 600_000,
    },
    async (seed) => {
      const { problems, writes } = await withGround(store, { inTurn: true }, (ground) =>
        simulateRollouts({ seed, ...ground }),
      );
      expect(problems).toEqual([]);
      expect(writes).toBeGreaterThan(0);
    },
  );
});

test.each(seeds.slice(0, 1))(
  'on PostgreSQL the runs of a fleet end exactly once, seed %i',
  { timeout: 900_000 },
  async (seed) => {
    const { problems, runs } = await withGround('postgres', { inTurn: false }, (ground) =>
      simulate({ seed, fleet: true, chaosMs: 6_000, createAgentExecutor, ...ground }),
    );
    expect(problems).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  },
);
