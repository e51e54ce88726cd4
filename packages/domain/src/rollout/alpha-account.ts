import { testPrint } from './evidence/test-print.ts';
import type { RolloutRecord, RolloutRule } from './rollout-record.ts';

/** alpha_r of one rule and arm: alpha is split by weight over the rules of every candidate arm (g.6). */
export const alphaOf = (
  { alpha, rules, arms }: Pick<RolloutRecord, 'alpha' | 'rules' | 'arms'>,
  { weight }: RolloutRule,
): number => (alpha * weight) / (rules.reduce((sum, one) => sum + one.weight, 0) * (arms.length - 1));

/**
 * What a change of rules adds to the probability of a false rollback. A test that is new, or measures something else, begins again at E = 1, on units
 * that nobody has seen, and may cross with its whole alpha_r (Ville). One that goes on keeps the threshold that it began with, also with a larger share:
 * else a share could be chosen that its E has passed already, and no account would bound that. What is taken away, or shrinks, was spent already. The
 * sum bounds all tests that ever were (union bound), however the changes were chosen. A draft has begun no test.
 */
export const alphaBegun = (before: RolloutRecord, after: RolloutRecord): number => {
  if (before.startedAt === undefined) return 0;
  let begun = 0;
  for (const rule of after.rules) {
    const earlier = before.rules.find(({ id }) => id === rule.id);
    const isSame = earlier !== undefined && testPrint(earlier) === testPrint(rule);
    if (!isSame) begun += alphaOf(after, rule) * (after.arms.length - 1);
  }
  return begun;
};
