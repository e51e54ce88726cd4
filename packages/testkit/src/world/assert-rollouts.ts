import { checkReceived, checkWrites } from './assert-rollout-writes.ts';
import { checkRouting } from './assert-routing.ts';
import { checkObservations } from './assert-units.ts';
import type { Report } from './history.ts';
import { judge } from './history.ts';
import type { RolloutHistory } from './rollout-history.ts';

/**
 * What must hold of rollouts, whatever happened: the invariants I1 to I4 and I6 to I9 by the order of commits, units counted once and in the arm
 * of their first exposed run, values written once, evidence that is what its rows give, one event per revision, and all of them delivered in order.
 * Throws, or tells `report`.
 */
export const assertRollouts = (history: RolloutHistory, report?: Report): void =>
  judge('rollouts', report, (say) => {
    checkWrites(history, say);
    checkReceived(history, say);
    checkRouting(history, say);
    checkObservations(history, say);
  });
