import { DomainError } from '../errors/domain-error.ts';
import type { Metric, MetricScale, RolloutRule, Scorer } from './rollout-record.ts';

/** A rule as it is asked for; what is left out gets the default of its metric. */
export interface RuleRequest {
  readonly id?: string;
  readonly metric: Metric;
  readonly kind?: 'regression' | 'floor';
  readonly direction?: 'higher_is_better' | 'lower_is_better';
  readonly margin?: number;
  readonly threshold?: number;
  readonly scale?: MetricScale;
  readonly weight?: number;
  readonly action?: 'rollback' | 'pause' | 'notify';
  readonly minUnits?: number;
  /** false: no part of the promotion gate. */
  readonly promoteMargin?: number | false;
}

/** A rule with the defaults of its metric; not checked. */
export const completeRule = (_request: RuleRequest): RolloutRule => {
  throw new DomainError('unimplemented', 'not there yet');
};

/** The rules of a rollout that declares none. */
export const defaultRules = (_scorers: readonly Scorer[]): readonly RolloutRule[] => {
  throw new DomainError('unimplemented', 'not there yet');
};
