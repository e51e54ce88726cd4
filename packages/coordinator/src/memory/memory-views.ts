import type { ProposalStatus, RunId, StoredProposal } from '@skein/domain';
import type { MemoryChange } from '@skein/ports';

/** One memory scope in a list. `bytes` of UTF-8. */
export interface MemorySummary {
  /** `global`, `dag/NAME` or `agent/ID`. */
  readonly scope: string;
  readonly revision: number;
  readonly bytes: number;
}

/** One revision in a history, newest first. */
export interface MemoryHistoryEntry extends MemorySummary {
  /** ISO 8601. */
  readonly at: string;
  readonly change: MemoryChange;
}

/** One revision with its text. */
export interface MemoryDocument extends MemoryHistoryEntry {
  readonly text: string;
}

/** A proposal as it is shown. */
export interface ProposalView extends Omit<StoredProposal, 'at'> {
  /** ISO 8601. */
  readonly at: string;
}

/** Which proposals are wanted; oldest first. */
export interface ListProposals {
  readonly scope?: string;
  readonly status?: ProposalStatus;
  readonly runId?: RunId;
  readonly limit: number;
  readonly cursor?: string;
}

/** What one fold of a scope did: counts of proposals. `revision` is that of the scope afterwards; 0 when it does not exist. */
export interface FoldResult {
  readonly scope: string;
  readonly revision: number;
  readonly folded: number;
  readonly review: number;
  readonly dropped: number;
}

/** What a revert did in one scope: counts of proposals. */
export interface RevertedScope {
  readonly scope: string;
  readonly revision: number;
  /** Proposals of the run that were in the memory and no longer count. */
  readonly reverted: number;
  /** Proposals of the run that were still waiting. */
  readonly rejected: number;
  /** Proposals of other runs that do not stand without those of this one, and wait for a person now. */
  readonly review: number;
  /** The scope was set by hand since: that text stands as it is. */
  readonly setSince: boolean;
}

/** What a revert did; no scopes when there was nothing to undo. */
export interface RevertResult {
  readonly runId: RunId;
  readonly scopes: readonly RevertedScope[];
}
