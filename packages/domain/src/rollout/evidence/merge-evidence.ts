import { DomainError } from '../../errors/domain-error.ts';
import type { Evidence } from '../evidence.ts';

/** The evidence of two replicas over disjoint units of one rollout, for judging: the S vectors add. */
export const mergeEvidence = (_a: Evidence, _b: Evidence): Evidence => {
  throw new DomainError('unimplemented', 'evidence is not merged yet');
};
