import type { RunId, StoredProposal, TenantId } from '@skein/domain';
import { foldMemory, maxMemoryBytes } from '@skein/domain';
import type { MemoryChange, MemoryView } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { readProposals } from './stored-proposals.ts';

/** Revisions in one page of a history. */
const pageSize = 100;

/** A revision as far as a replay needs it: the text of a fold is made anew, so that a long history holds few texts at once. */
interface Past {
  readonly revision: number;
  readonly change: MemoryChange;
  /** Of a seed or a set. */
  readonly text?: string;
}

const isGiven = ({ kind }: MemoryChange): boolean => kind === 'seed' || kind === 'set';

/** Revisions after the last seed or set before `firstRevision`, oldest first, and the text that they begin from. */
const readSince = async (
  engine: Engine,
  tenant: TenantId,
  view: MemoryView,
  firstRevision: number,
): Promise<{ readonly text: string; readonly revisions: readonly Past[] }> => {
  const revisions: Past[] = [];
  let cursor: string | undefined;
  do {
    const page = await engine.deps.memory.history(tenant, view.scope, pageSize, cursor);
    for (const { revision, change, text } of page.items) {
      if (revision > view.revision) continue;
      const given = isGiven(change);
      if (revision < firstRevision && given) return { text, revisions: revisions.toReversed() };
      revisions.push(given ? { revision, change, text } : { revision, change });
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return { text: '', revisions: revisions.toReversed() };
};

/** A proposal of others that goes to a person because of a revert, with the reason. */
export interface Lost {
  readonly proposal: StoredProposal;
  readonly from: 'folded' | 'dropped';
  readonly reason: string;
}

/** What a scope is without the proposals of some runs. */
export interface Replay {
  readonly text: string;
  readonly setSince: boolean;
  readonly lost: readonly Lost[];
}

/** What others said too while the memory said it, and was dropped for that: without the run's words nobody says it any more. */
const unsaid = async (
  engine: Engine,
  tenant: TenantId,
  view: MemoryView,
  after: string,
  tree: ReadonlySet<RunId>,
  runId: RunId,
): Promise<readonly Lost[]> => {
  if (after === view.text) return [];
  const limits = { maxBytes: maxMemoryBytes };
  const isDropped = (text: string, proposal: StoredProposal): boolean =>
    foldMemory(text, [proposal], limits).outcomes[0]?.to === 'dropped';
  const dropped = await readProposals(engine, { tenant, scope: view.scope, status: 'dropped' });
  return dropped
    .filter((proposal) => !tree.has(proposal.runId) && isDropped(view.text, proposal) && !isDropped(after, proposal))
    .map((proposal) => ({
      proposal,
      from: 'dropped',
      reason: `the memory said this already, by the run ${runId}, which was reverted`,
    }));
};

/** The scope as it would be without what the runs of `tree` wrote from `firstRevision` on. Throws `unavailable`. */
export const replayScope = async (
  engine: Engine,
  tenant: TenantId,
  view: MemoryView,
  firstRevision: number,
  tree: ReadonlySet<RunId>,
  runId: RunId,
): Promise<Replay> => {
  const since = await readSince(engine, tenant, view, firstRevision);
  const folded = await readProposals(engine, { tenant, scope: view.scope, status: 'folded' });
  const counting = new Map(folded.filter((proposal) => !tree.has(proposal.runId)).map((one) => [one.proposalId, one]));
  let { text } = since;
  let setSince = false;
  let lost: Lost[] = [];
  for (const { revision, change, text: given } of since.revisions) {
    if (given !== undefined) {
      text = given;
      setSince = true;
      // Whatever the folds before it gave, this text replaced it.
      lost = [];
    }
    if (change.kind !== 'fold') continue;
    const proposals = change.proposalIds.flatMap((id) => {
      const proposal = counting.get(id);
      // One that an earlier revert gave back to a person counts where the person put it.
      return proposal?.revision === revision ? proposal : [];
    });
    const again = foldMemory(text, proposals, { maxBytes: maxMemoryBytes });
    text = again.text;
    for (const outcome of again.outcomes) {
      const proposal = counting.get(outcome.proposalId);
      // Dropped means that the text says it already, so nothing of it is lost.
      if (outcome.to !== 'review' || proposal === undefined) continue;
      lost.push({ proposal, from: 'folded', reason: `${outcome.reason} since the run ${runId} was reverted` });
    }
  }
  return { text, setSince, lost: [...lost, ...(await unsaid(engine, tenant, view, text, tree, runId))] };
};
