import { DomainError } from '../../errors/domain-error.ts';
import type { RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import { scorerOfMetric } from '../rule-defaults.ts';
import type { UnitSampler } from './evidence-types.ts';

/** Which units have a value of a metric: undefined for all of them. Throws `invalid_argument` for a scorer that samples when nobody says how. */
export const samplerOf = (
  record: Pick<RolloutRecord, 'scorers'>,
  metric: string,
  isSampled: UnitSampler | undefined,
): ((unit: RolloutUnit) => boolean) | undefined => {
  const id = scorerOfMetric(metric);
  const scorer = id === undefined ? undefined : record.scorers.find((one) => one.id === id);
  if (scorer === undefined || scorer.sample >= 1) return undefined;
  if (isSampled === undefined) {
    throw new DomainError(
      'invalid_argument',
      `scorer ${scorer.id} samples units, and what says which of them is not given`,
    );
  }
  return ({ unit }) => isSampled(scorer, unit);
};
