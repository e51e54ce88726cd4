import type { RolloutRecord, RolloutUnit } from '../src/index.ts';
import { start } from './rollout-samples.ts';
import { createDraw } from './rollout-simulator.ts';

/** A unit whose run is over and was measured; what is left out is as in most tests. */
export const unitOf = (unit: Partial<RolloutUnit> & { readonly seq: number }): RolloutUnit => {
  const at = unit.at ?? start + unit.seq * 1_000;
  return {
    unit: unit.seq.toString(16).padStart(32, '0'),
    arm: 0,
    epoch: 1,
    at,
    runId: `run-${unit.seq}`,
    state: 'ended',
    endedAt: at + 500,
    values: { error: 0, run_failed: 0, run_partial: 0 },
    ...unit,
  };
};

/** The values of a run whose agent failed or not. */
export const outcome = (failed: boolean): RolloutUnit['values'] => ({
  error: failed ? 1 : 0,
  run_failed: failed ? 1 : 0,
  run_partial: 0,
});

/** A unit of which nothing is known yet. */
export const openUnit = (unit: Partial<RolloutUnit> & { readonly seq: number }): RolloutUnit => {
  const { endedAt: _none, ...rest } = unitOf(unit);
  return { ...rest, state: 'open', values: {} };
};

/** Random units of any arm, with every metric of the rules, some missing and some void. `rarity`: divides the candidates' shares. Seeded. */
export const randomUnits = (record: RolloutRecord, count: number, seed: number, rarity = 1): RolloutUnit[] => {
  const draw = createDraw(seed);
  let at = start;
  return Array.from({ length: count }, (_, index) => {
    at += Math.floor(draw() ** 8 * 3_000_000);
    const isMissing = draw() < 0.05;
    const values = Object.fromEntries(
      record.rules.map(({ metric }) => {
        if (isMissing || draw() < 0.05) return [metric, null];
        return [metric, metric.startsWith('score') || metric === 'latency' ? draw() : Number(draw() < 0.2)];
      }),
    );
    // The candidate is rare in the first epoch, stable in the second one.
    const epoch = index < count / 2 ? 1 : 2;
    const arm = draw() < (epoch === 1 ? 0.2 : 0.7) / rarity ? 1 + Math.floor(draw() * (record.arms.length - 1)) : 0;
    return unitOf({ seq: index + 1, at, epoch, arm, values, state: draw() < 0.03 ? 'void' : 'ended' });
  });
};
