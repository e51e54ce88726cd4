import type { TenantId } from '@skein/domain';
import { DomainError, foldMemory, maxMemoryBytes } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { beginCopy } from './begin-copy.ts';
import { foldCommit, report } from './fold-scope.ts';
import { holdingOf } from './held-scopes.ts';
import type { ProposalView } from './memory-views.ts';
import { proposalView } from './read-memory.ts';
import { withCurrentScope } from './scope-commit.ts';

/** A person's word on a proposal. See `Coordinator.reviewProposal`. */
export const reviewProposal = async (
  engine: Engine,
  tenant: TenantId,
  proposalId: string,
  verdict: 'approve' | 'reject',
  by: string,
): Promise<ProposalView> => {
  const { memory, clock, log } = engine.deps;
  const find = async () => {
    const found = await memory.findProposal(tenant, proposalId);
    if (found === undefined) {
      throw new DomainError('not_found', `there is no memory proposal ${proposalId}`, { proposalId });
    }
    return found;
  };
  const { scope } = await find();
  const holding = await holdingOf(engine, tenant, scope);
  if (holding.kind === 'copy') await beginCopy(engine, tenant, scope, holding);
  if (holding.kind === 'over' && verdict === 'approve')
    throw new DomainError('illegal_transition', `the proposal cannot be folded: ${holding.reason}`, { proposalId });
  const done = await withCurrentScope(engine, tenant, scope, async (view) => {
    const proposal = await find();
    const { status } = proposal;
    if (status === (verdict === 'approve' ? 'folded' : 'rejected')) return undefined;
    const limits = { maxBytes: maxMemoryBytes };
    const folded = verdict === 'approve' ? foldMemory(view.text, [proposal], limits) : undefined;
    const outcome = folded?.outcomes[0];
    // Approved before, when the memory said it already.
    if (status === 'dropped' && outcome?.to === 'dropped') return undefined;
    if (status !== 'pending' && status !== 'review') {
      throw new DomainError('illegal_transition', `the proposal is ${status}`, { proposalId, status });
    }
    const base = { tenant, scope, expectedRevision: view.revision, at: clock.now() };
    if (folded === undefined || outcome === undefined) {
      const rejected = { proposalId, from: status, to: 'rejected', reason: `rejected by ${by}` } as const;
      return { commit: { ...base, proposals: [rejected] }, result: undefined };
    }
    if (outcome.to === 'review') {
      throw new DomainError('illegal_transition', `the proposal cannot be folded: ${outcome.reason}`, {
        proposalId,
        status,
        reason: outcome.reason,
      });
    }
    return { commit: foldCommit(base, view.text, folded.text, [outcome], () => status), result: outcome };
  });
  if (done !== undefined) {
    log.info('memory proposal was reviewed', { tenant, scope, proposalId, verdict, by, revision: done.revision });
    if (done.result !== undefined) report(engine, tenant, scope, [done.result]);
  }
  return proposalView(await find());
};
