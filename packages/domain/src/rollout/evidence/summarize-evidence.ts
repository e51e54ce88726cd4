import { DomainError } from '../../errors/domain-error.ts';
import type { Evidence } from '../evidence.ts';
import type { EvidenceSummary, RolloutRecord } from '../rollout-record.ts';

/** The evidence in numbers, as it is shown and kept with a decision. */
export const summarizeEvidence = (
  _record: RolloutRecord,
  _evidence: Evidence,
  _unrouted: number,
  _now: number,
): EvidenceSummary => {
  throw new DomainError('unimplemented', 'evidence is not summarized yet');
};
