import type { RolloutRule } from '../rollout-record.ts';

/** Worse than any value, for ranks; JSON has no infinities. */
const worst = -Number.MAX_VALUE;

/** x of a value that never came, where it counts (`onMissing: zero`). */
export const missingX = (rule: Pick<RolloutRule, 'scale' | 'kind'>): number =>
  rule.scale.kind === 'rank' && rule.kind === 'regression' ? worst : 0;

const clamp = (x: number): number => Math.min(1, Math.max(0, x));

/** A raw value as x, higher better: in [0, 1], or for ranks any number that is compared in its block. NaN for what is no number. */
export const scaleValue = (rule: Pick<RolloutRule, 'scale' | 'direction'>, value: number): number => {
  if (Number.isNaN(value)) return Number.NaN;
  const isLowerBetter = rule.direction === 'lower_is_better';
  switch (rule.scale.kind) {
    case 'unit':
      return isLowerBetter ? 1 - clamp(value) : clamp(value);
    case 'cap': {
      const share = clamp(value / rule.scale.cap);
      return isLowerBetter ? 1 - share : share;
    }
    case 'rank':
      return Math.min(Number.MAX_VALUE, Math.max(worst, isLowerBetter ? -value : value));
  }
};
