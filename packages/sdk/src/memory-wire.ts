import type { ProposalStatus, RunId, StoredProposal } from '@skein/domain';

/** One memory scope in a list. */
export interface MemoryListItem {
  /** `global`, `dag/NAME` or `agent/ID`. */
  readonly scope: string;
  readonly revision: number;
  /** Bytes of UTF-8. */
  readonly bytes: number;
}

/** What made a revision of a scope. */
export type MemoryChangeInfo =
  | { readonly kind: 'seed' }
  | { readonly kind: 'set'; readonly by: string }
  | { readonly kind: 'fold'; readonly proposalIds: readonly string[] }
  | { readonly kind: 'revert'; readonly runId: RunId; readonly by: string };

/** One revision in a history. */
export interface MemoryHistoryItem extends MemoryListItem {
  /** ISO 8601. */
  readonly at: string;
  readonly change: MemoryChangeInfo;
}

/** One revision with its text. */
export interface MemoryText extends MemoryHistoryItem {
  readonly text: string;
}

/** A proposal; `at` is ISO 8601. */
export interface ProposalInfo extends Omit<StoredProposal, 'at'> {
  readonly at: string;
}

/** Filter of the list of proposals; oldest first. */
export interface ListProposalsInput {
  readonly scope?: string;
  readonly status?: ProposalStatus;
  readonly runId?: RunId;
  readonly limit?: number;
  readonly cursor?: string;
}

/** What one fold of a scope did: counts of proposals. */
export interface FoldInfo {
  readonly scope: string;
  readonly revision: number;
  readonly folded: number;
  readonly review: number;
  readonly dropped: number;
}

/** What a revert did, by scope: counts of proposals. */
export interface RevertInfo {
  readonly runId: RunId;
  readonly scopes: readonly {
    readonly scope: string;
    readonly revision: number;
    readonly reverted: number;
    readonly rejected: number;
    /** Of other runs: they cannot be folded without those of this one, and wait for a person now. */
    readonly review: number;
    /** The scope was set by hand since: that text stands. */
    readonly setSince: boolean;
  }[];
}
