import { DomainError } from '../errors/domain-error.ts';
import type { RunId, TenantId } from '../identity/ids.ts';
import type { RunFact } from './run-fact.ts';

/**
 * Throws `invalid_argument` unless an append makes sense by itself: it has facts, the head that it leaves is that of the same run
 * exactly after them, its proposals and dead letters are of that run, its events of that tenant, and it creates the run exactly at 0. Every run store asks this before it looks at what it holds.
 */
export const checkAppend = (append: {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly expectedSeq: number;
  readonly facts: readonly RunFact[];
  readonly head: { readonly tenant: TenantId; readonly runId: RunId; readonly seq: number };
  readonly creation?: object;
  readonly proposals?: readonly { readonly runId: RunId }[];
  readonly deadLetters?: readonly { readonly tenant: string; readonly runId: string }[];
  readonly events?: readonly { readonly tenant: string }[];
}): void => {
  const { tenant, runId, expectedSeq, facts, head, creation, proposals = [], deadLetters = [], events = [] } = append;
  const sound =
    facts.length > 0 &&
    head.seq === expectedSeq + facts.length &&
    head.tenant === tenant &&
    head.runId === runId &&
    (expectedSeq === 0) === (creation !== undefined) &&
    proposals.every((proposal) => proposal.runId === runId) &&
    deadLetters.every((letter) => letter.tenant === tenant && letter.runId === runId) &&
    events.every((event) => event.tenant === tenant);
  if (sound) return;
  throw new DomainError(
    'invalid_argument',
    'an append needs facts, the head after them, proposals, dead letters and events of its own only, and a creation exactly at 0',
  );
};
