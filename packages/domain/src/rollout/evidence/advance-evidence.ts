import { DomainError } from '../../errors/domain-error.ts';
import type { Evidence } from '../evidence.ts';
import type { RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import type { UnitSampler } from './evidence-types.ts';

/** Evidence of a rollout before its first unit. */
export const createEvidence = (_record: RolloutRecord): Evidence => ({ format: 1, settledSeq: 0, streams: {} });

/**
 * The evidence with the given units: those after `evidence.settledSeq`, in order and without gaps, open ones among them. Any batches give
 * what one batch gives. `isSampled` is needed when a scorer samples.
 */
export const advanceEvidence = (
  _record: RolloutRecord,
  _evidence: Evidence,
  _units: readonly RolloutUnit[],
  _isSampled?: UnitSampler,
): Evidence => {
  throw new DomainError('unimplemented', 'evidence is not gathered yet');
};
