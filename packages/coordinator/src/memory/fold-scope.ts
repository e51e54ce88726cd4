import type { FoldOutcome, MemoryPolicy, StoredProposal, TenantId } from '@skein/domain';
import { DomainError, foldMemory, maxMemoryBytes, parseForkScope, parseMemoryScope } from '@skein/domain';
import type { MemoryCommit } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { beginCopy } from './begin-copy.ts';
import { holdingOf } from './held-scopes.ts';
import type { FoldResult } from './memory-views.ts';
import { withCurrentScope } from './scope-commit.ts';
import { readProposals } from './stored-proposals.ts';
import { isUntrustedRun } from './untrusted-run.ts';

/*
 * One fold of one scope.
 *  F1 what it reads and what it writes are one transaction by compare-and-set: of coordinators that fold at the same time one wins,
 *     and the others see nothing waiting
 *  F2 a proposal is pending until the revision that holds it is durable: a crash before that loses nothing, and after it doubles nothing
 *  F3 nothing leaves `pending` unseen: what is not folded is logged and counted, one by one (D4)
 */

/** Proposals of one fold; what is over waits for the next, which follows at once: nothing else happens while one is computed. */
export const maxFoldProposals = 1_000;

type Outcome = FoldOutcome;

/** What the policy says of a proposal before any folding; undefined lets it be folded. */
const judge = async (
  engine: Engine,
  tenant: TenantId,
  proposal: StoredProposal,
): Promise<Exclude<Outcome, { readonly to: 'folded' }> | undefined> => {
  const { proposalId, scope, agentId, runId, reason } = proposal;
  const fork = parseForkScope(scope);
  const parsed = fork === undefined ? parseMemoryScope(scope) : ({ kind: 'agent', name: fork.agentId } as const);
  if (parsed === undefined) return { proposalId, to: 'dropped', reason: 'there is no scope of this name' };
  const policy: MemoryPolicy = engine.config.memory.policies[parsed.kind];
  if (policy === 'off') return { proposalId, to: 'dropped', reason: `the memory of this kind takes no proposals` };
  if (policy === 'review') return { proposalId, to: 'review', reason: 'a person decides on this scope' };
  if (reason !== undefined) return { proposalId, to: 'review', reason };
  if (parsed.kind === 'agent' && parsed.name !== agentId) {
    return { proposalId, to: 'review', reason: `it comes from another agent, ${agentId}` };
  }
  if (await isUntrustedRun(engine, tenant, runId)) {
    return { proposalId, to: 'review', reason: 'the input of its run is not trusted' };
  }
  return undefined;
};

const judgeAll = async (
  engine: Engine,
  tenant: TenantId,
  waiting: readonly StoredProposal[],
): Promise<{ readonly outcomes: Outcome[]; readonly foldable: StoredProposal[] }> => {
  const outcomes: Outcome[] = [];
  const foldable: StoredProposal[] = [];
  for (const proposal of waiting) {
    const judged = await judge(engine, tenant, proposal);
    if (judged === undefined) foldable.push(proposal);
    else outcomes.push(judged);
  }
  return { outcomes, foldable };
};

const dropAll = (
  waiting: readonly StoredProposal[],
  reason: string,
): { readonly outcomes: Outcome[]; readonly foldable: StoredProposal[] } => ({
  outcomes: waiting.map(({ proposalId }) => ({ proposalId, to: 'dropped', reason })),
  foldable: [],
});

/** The commit of a fold: a revision only when the text changed, and every proposal's new status. */
export const foldCommit = (
  base: Pick<MemoryCommit, 'tenant' | 'scope' | 'expectedRevision' | 'at'>,
  before: string,
  after: string,
  outcomes: readonly Outcome[],
  from: (proposalId: string) => StoredProposal['status'],
): MemoryCommit => {
  const proposalIds = outcomes.filter(({ to }) => to === 'folded').map(({ proposalId }) => proposalId);
  return {
    ...base,
    ...(proposalIds.length === 0 && before === after
      ? {}
      : { next: { text: after, change: { kind: 'fold', proposalIds } as const } }),
    proposals: outcomes.map((outcome) => ({
      proposalId: outcome.proposalId,
      from: from(outcome.proposalId),
      to: outcome.to,
      ...('reason' in outcome ? { reason: outcome.reason } : {}),
    })),
  };
};

/**
 * Folds what waits in a scope into at most one new revision. Undefined when nothing waited, or another coordinator was faster.
 * Throws `unavailable`.
 */
export const foldScope = async (
  engine: Engine,
  tenant: TenantId,
  scope: string,
  settles?: string,
): Promise<FoldResult | undefined> => {
  const holding = await holdingOf(engine, tenant, scope, settles);
  if (holding.kind === 'waits') return undefined;
  if (holding.kind === 'copy') {
    const [waiting] = await readProposals(engine, { tenant, scope, status: 'pending' }, 1);
    if (waiting === undefined) return undefined;
    await beginCopy(engine, tenant, scope, holding);
  }
  const done = await withCurrentScope(engine, tenant, scope, async (view) => {
    const waiting = await readProposals(engine, { tenant, scope, status: 'pending' }, maxFoldProposals);
    if (waiting.length === 0) return undefined;
    const { outcomes, foldable } =
      holding.kind === 'over' ? dropAll(waiting, holding.reason) : await judgeAll(engine, tenant, waiting);
    const folded = foldMemory(view.text, foldable, { maxBytes: maxMemoryBytes });
    const all = [...outcomes, ...folded.outcomes];
    const base = { tenant, scope, expectedRevision: view.revision, at: engine.deps.clock.now() };
    return { commit: foldCommit(base, view.text, folded.text, all, () => 'pending'), result: all };
  });
  if (done === undefined) return undefined;
  report(engine, tenant, scope, done.result);
  const count = (to: Outcome['to']): number => done.result.filter((outcome) => outcome.to === to).length;
  return {
    scope,
    revision: done.revision,
    folded: count('folded'),
    review: count('review'),
    dropped: count('dropped'),
  };
};

/** Each proposal that did not become memory is said, by id and reason; its text is not, because it may hold anything. */
export const report = (engine: Engine, tenant: TenantId, scope: string, outcomes: readonly Outcome[]): void => {
  const kind = parseForkScope(scope) === undefined ? (parseMemoryScope(scope)?.kind ?? 'unknown') : 'agent';
  for (const outcome of outcomes) {
    engine.deps.meter.count(metric.memoryProposals, 1, { outcome: outcome.to, kind });
    if (outcome.to === 'folded') continue;
    engine.deps.log.info(outcome.to === 'review' ? 'memory proposal waits for review' : 'memory proposal was dropped', {
      tenant,
      scope,
      proposalId: outcome.proposalId,
      reason: outcome.reason,
    });
  }
};

/** The error of a scope that nobody could name. */
export const requireScope = (scope: string): void => {
  if (parseMemoryScope(scope) !== undefined || parseForkScope(scope) !== undefined) return;
  throw new DomainError('invalid_argument', 'a memory scope is global, dag/NAME or agent/ID', {
    problems: [{ message: 'not a memory scope', field: 'scope', expected: 'global, dag/NAME or agent/ID' }],
  });
};
