import { DomainError } from '../errors/domain-error.ts';
import type { Verdict } from './evidence.ts';
import type { EvidenceSummary, Explanation, RolloutEvent, RolloutRecord } from './rollout-record.ts';

/** Why an event happened; `record` is as it is after it, `rule` the rule that breached. */
export const explainEvent = (
  _record: RolloutRecord,
  _event: Omit<RolloutEvent, 'explanation'>,
  _rule?: string,
): Explanation => {
  throw new DomainError('unimplemented', 'not there yet');
};

/** How a rollout stands at `now`, why, and what happens next. `evidence`: newer than the record's. */
export const explainRollout = (
  _record: RolloutRecord,
  _evidence: EvidenceSummary | undefined,
  _waitingFor: Verdict['waitingFor'] | undefined,
  _now: number,
): Explanation => {
  throw new DomainError('unimplemented', 'not there yet');
};
