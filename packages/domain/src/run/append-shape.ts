import { DomainError } from '../errors/domain-error.ts';
import type { RunId, TenantId } from '../identity/ids.ts';
import type { RunFact } from './run-fact.ts';

/**
 * Throws `invalid_argument` unless an append makes sense by itself: it has facts, the head that it leaves is that of the same run
 * exactly after them, and it creates the run exactly at 0. Every run store asks this before it looks at what it holds.
 */
export const checkAppend = (append: {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly expectedSeq: number;
  readonly facts: readonly RunFact[];
  readonly head: { readonly tenant: TenantId; readonly runId: RunId; readonly seq: number };
  readonly creation?: object;
}): void => {
  const { tenant, runId, expectedSeq, facts, head, creation } = append;
  const sound =
    facts.length > 0 &&
    head.seq === expectedSeq + facts.length &&
    head.tenant === tenant &&
    head.runId === runId &&
    (expectedSeq === 0) === (creation !== undefined);
  if (sound) return;
  throw new DomainError('invalid_argument', 'an append needs facts, the head after them, and a creation exactly at 0');
};
