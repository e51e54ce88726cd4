import { DomainError } from '../errors/domain-error.ts';
import type { RunId, TenantId } from '../identity/ids.ts';
import type { RunFact } from './run-fact.ts';

/**
 * Throws `invalid_argument` unless an append makes sense by itself: it has facts, the head that it leaves is that of the same run
 * exactly after them, its proposals are of that run, and it creates the run exactly at 0. Every run store asks this before it looks at what it holds.
 */
export const checkAppend = (append: {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly expectedSeq: number;
  readonly facts: readonly RunFact[];
  readonly head: { readonly tenant: TenantId; readonly runId: RunId; readonly seq: number };
  readonly creation?: object;
  readonly proposals?: readonly { readonly runId: RunId }[];
}): void => {
  const { tenant, runId, expectedSeq, facts, head, creation, proposals = [] } = append;
  const sound =
    facts.length > 0 &&
    head.seq === expectedSeq + facts.length &&
    head.tenant === tenant &&
    head.runId === runId &&
    (expectedSeq === 0) === (creation !== undefined) &&
    proposals.every((proposal) => proposal.runId === runId);
  if (sound) return;
  throw new DomainError(
    'invalid_argument',
    'an append needs facts, the head after them, proposals of its own run only, and a creation exactly at 0',
  );
};
