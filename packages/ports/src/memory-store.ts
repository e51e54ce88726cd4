import type { ProposalStatus, RunId, StoredProposal, TenantId } from '@skein/domain';
import type { MemoryView } from './project-store.ts';
import type { Page } from './run-store.ts';

/** What made a revision of a scope. */
export type MemoryChange =
  | { readonly kind: 'seed' }
  | { readonly kind: 'set'; readonly by: string }
  | { readonly kind: 'fold'; readonly proposalIds: readonly string[] }
  | { readonly kind: 'revert'; readonly runId: RunId; readonly by: string };

/** One revision of a scope; its whole text is kept, so that any can be shown and compared. */
export interface MemoryRevision extends MemoryView {
  /** ms since the epoch. */
  readonly at: number;
  readonly change: MemoryChange;
}

/** A new revision and what becomes of proposals with it, as one transaction. */
export interface MemoryCommit {
  readonly tenant: TenantId;
  readonly scope: string;
  /** Revision before; 0 when the scope does not exist. */
  readonly expectedRevision: number;
  /** The text of revision `expectedRevision + 1`; absent when only proposals change their status. */
  readonly next?: { readonly text: string; readonly change: MemoryChange };
  readonly proposals: readonly {
    readonly proposalId: string;
    /** Changed only if it still has this status. */
    readonly from: ProposalStatus;
    readonly to: ProposalStatus;
    readonly reason?: string;
  }[];
  /** ms since the epoch. */
  readonly at: number;
}

/** Filter of a list of proposals; oldest first. */
export interface ProposalFilter {
  readonly tenant: TenantId;
  readonly scope?: string;
  readonly status?: ProposalStatus;
  readonly runId?: RunId;
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * Memory scopes, their history and the proposals to change them. Proposals arrive with the appends of `RunStore`, insert-only,
 * so that a thousand runs that propose at once wait for nobody; one fold per scope turns them into a revision.
 */
export interface MemoryStore {
  listScopes(tenant: TenantId): Promise<readonly MemoryView[]>;
  /** Newest first. */
  history(tenant: TenantId, scope: string, limit: number, cursor?: string): Promise<Page<MemoryRevision>>;
  /** One revision of a scope. */
  readRevision(tenant: TenantId, scope: string, revision: number): Promise<MemoryRevision | undefined>;
  /** Scopes that have pending proposals, of all tenants or of one, with their number and the age of the oldest, at most `limit`. */
  pendingScopes(
    limit: number,
    tenant?: TenantId,
  ): Promise<
    readonly { readonly tenant: TenantId; readonly scope: string; readonly count: number; readonly oldestAt: number }[]
  >;
  listProposals(filter: ProposalFilter): Promise<Page<StoredProposal>>;
  findProposal(tenant: TenantId, proposalId: string): Promise<StoredProposal | undefined>;
  /**
   * `conflict` when the scope is at another revision, or a proposal has another status: nothing was written.
   * A new revision raises the tenant's project revision in the same transaction.
   */
  commit(commit: MemoryCommit): Promise<'committed' | 'conflict'>;
  /** Removes a scope with all of its revisions; proposals stay as they are. Does nothing for one that is not there. */
  drop(tenant: TenantId, scope: string): Promise<void>;
}
