import { listPage, segment, type WirePage } from './list-page.ts';
import type {
  FoldInfo,
  ListProposalsInput,
  MemoryHistoryItem,
  MemoryListItem,
  MemoryText,
  ProposalInfo,
  RevertInfo,
} from './memory-wire.ts';
import type { Transport } from './transport.ts';
import type { ListPage } from './wire.ts';

/** Memory over HTTP. A scope is `global`, `dag/NAME` or `agent/ID`. */
export interface MemoryClient {
  list(): Promise<readonly MemoryListItem[]>;
  /** A scope as it is now, or as it was. */
  read(scope: string, revision?: number): Promise<MemoryText>;
  /** Newest first. */
  history(
    scope: string,
    options?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<ListPage<MemoryHistoryItem>>;
  /** Writes the whole text. `expectedRevision` 0: the scope must not exist yet. */
  set(scope: string, text: string, options?: { readonly expectedRevision?: number }): Promise<MemoryText>;
  proposals(filter?: ListProposalsInput): Promise<ListPage<ProposalInfo>>;
  approve(proposalId: string): Promise<ProposalInfo>;
  reject(proposalId: string): Promise<ProposalInfo>;
  /** Undoes all that a run, and the runs that it called, wrote. */
  revertRun(runId: string): Promise<RevertInfo>;
  /** Folds what waits now, in one scope or in all. */
  fold(scope?: string): Promise<readonly FoldInfo[]>;
}

/** The part of the client that deals with memory. */
export const createMemoryClient = (transport: Transport): MemoryClient => {
  const page = async <T>(path: string, query: { readonly [name: string]: string | number | undefined }) =>
    listPage(await transport.json<WirePage<T>>({ method: 'GET', path, query, idempotent: true }));
  const review = (proposalId: string, verdict: 'approve' | 'reject'): Promise<ProposalInfo> =>
    transport.json({
      method: 'POST',
      path: `/api/memory/proposals/${segment(proposalId)}/${verdict}`,
      body: {},
      idempotent: true,
    });
  return {
    list: async () => {
      const items: MemoryListItem[] = [];
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const next: ListPage<MemoryListItem> = await page('/api/memory', { limit: 1_000, cursor });
        items.push(...next.items);
        cursor = next.nextCursor;
      }
      return items;
    },
    read: (scope, revision) =>
      transport.json({ method: 'GET', path: '/api/memory/scopes', query: { scope, revision }, idempotent: true }),
    history: (scope, options = {}) => page('/api/memory/history', { scope, ...options }),
    set: (scope, text, options = {}) =>
      transport.json({
        method: 'PUT',
        path: '/api/memory/scopes',
        query: { scope },
        body: { text, ...options },
        // Said twice, it is the same text; but the second would not find the expected revision.
        idempotent: options.expectedRevision === undefined,
      }),
    proposals: (filter = {}) => page('/api/memory/proposals', { ...filter }),
    approve: (proposalId) => review(proposalId, 'approve'),
    reject: (proposalId) => review(proposalId, 'reject'),
    revertRun: (runId) =>
      transport.json({
        method: 'POST',
        path: `/api/runs/${segment(runId)}/memory/revert`,
        body: {},
        idempotent: true,
        timeoutMs: 120_000,
      }),
    fold: async (scope) =>
      (
        await transport.json<{ readonly items: readonly FoldInfo[] }>({
          method: 'POST',
          path: '/api/memory/fold',
          body: scope === undefined ? {} : { scope },
          idempotent: true,
          timeoutMs: 120_000,
        })
      ).items,
  };
};
