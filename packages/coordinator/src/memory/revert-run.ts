import type { RunId, StoredProposal, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { MemoryCommit } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { report } from './fold-scope.ts';
import type { RevertedScope, RevertResult } from './memory-views.ts';
import { replayScope } from './replay-scope.ts';
import { withCurrentScope } from './scope-commit.ts';
import { readProposals } from './stored-proposals.ts';

/*
 * A revert folds a scope anew from what it was before the run first wrote to it: the text that a seed or a person gave it last, then every
 * later fold without the proposals that do not count any more.
 *  V1 each scope is one transaction; a crash between two leaves work that a repetition finds
 *  V2 a text that a person set later stands as it is: the person saw what the run had written
 *  V3 what depended on the run's words (another run replaced them, or said the same and was dropped for it) goes back to a person,
 *     with the reason
 */

/** The run and all that it called, root first. */
const treeOf = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<readonly RunId[]> => {
  if ((await engine.deps.runs.readHead(tenant, runId)) === undefined) {
    throw new DomainError('not_found', `there is no run ${runId}`, { runId });
  }
  const tree: RunId[] = [runId];
  for (let at = 0; at < tree.length; at += 1) {
    const parentRunId = tree[at] as RunId;
    let cursor: string | undefined;
    do {
      const page = await engine.deps.runs.listRuns({
        tenant,
        parentRunId,
        limit: 500,
        ...(cursor === undefined ? {} : { cursor }),
      });
      // A store that does not know the filter would answer with roots, which belong to nobody.
      tree.push(...page.items.filter((head) => head.parentRunId === parentRunId).map((head) => head.runId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }
  return tree;
};

/** What a run has, or had, a part in and a revert must touch. */
const isOpen = ({ status }: StoredProposal): boolean =>
  status === 'folded' || status === 'pending' || status === 'review';

const revertScope = async (
  engine: Engine,
  tenant: TenantId,
  scope: string,
  tree: ReadonlySet<RunId>,
  runId: RunId,
  by: string,
): Promise<RevertedScope | undefined> => {
  const done = await withCurrentScope(engine, tenant, scope, async (view) => {
    const own: StoredProposal[] = [];
    for (const member of tree)
      own.push(...(await readProposals(engine, { tenant, scope, runId: member })).filter(isOpen));
    if (own.length === 0) return undefined;
    const written = own.filter(({ status }) => status === 'folded');
    const waiting = own.filter(({ status }) => status !== 'folded');
    const first = Math.min(...written.map(({ revision }) => revision ?? 1));
    const again =
      written.length === 0
        ? { text: view.text, setSince: false, lost: [] }
        : await replayScope(engine, tenant, view, first, tree, runId);
    const reason = `the run ${runId} was reverted by ${by}`;
    const commit: MemoryCommit = {
      tenant,
      scope,
      expectedRevision: view.revision,
      ...(again.text === view.text ? {} : { next: { text: again.text, change: { kind: 'revert', runId, by } } }),
      proposals: [
        ...written.map(({ proposalId }) => ({ proposalId, from: 'folded', to: 'reverted', reason }) as const),
        ...waiting.map(({ proposalId, status }) => ({ proposalId, from: status, to: 'rejected', reason }) as const),
        ...again.lost.map((one) => {
          return { proposalId: one.proposal.proposalId, from: one.from, to: 'review', reason: one.reason } as const;
        }),
      ],
      at: engine.deps.clock.now(),
    };
    return { commit, result: { written, waiting, again } };
  });
  if (done === undefined) return undefined;
  const { written, waiting, again } = done.result;
  report(
    engine,
    tenant,
    scope,
    again.lost.map(({ proposal, reason }) => ({ proposalId: proposal.proposalId, to: 'review', reason })),
  );
  return {
    scope,
    revision: done.revision,
    reverted: written.length,
    rejected: waiting.length,
    review: again.lost.length,
    setSince: again.setSince,
  };
};

/** Undoes all that a run wrote. See `Coordinator.revertRun`. */
export const revertRun = async (engine: Engine, tenant: TenantId, runId: RunId, by: string): Promise<RevertResult> => {
  const tree = new Set(await treeOf(engine, tenant, runId));
  const found = new Set<string>();
  for (const member of tree) {
    for (const proposal of await readProposals(engine, { tenant, runId: member })) {
      if (isOpen(proposal)) found.add(proposal.scope);
    }
  }
  const scopes: RevertedScope[] = [];
  for (const scope of [...found].toSorted()) {
    const reverted = await revertScope(engine, tenant, scope, tree, runId, by);
    if (reverted !== undefined) scopes.push(reverted);
  }
  engine.deps.log.info('memory of a run was reverted', { tenant, runId, by, scopes });
  return { runId, scopes };
};
