import { cleanText, DomainError, type StoredProposal, type TenantId } from '@skein/domain';
import type {
  MemoryChange,
  MemoryCommit,
  MemoryRevision,
  MemoryStore,
  MemoryView,
  Page,
  ProposalFilter,
} from '@skein/ports';

interface Notes {
  /** Every revision of every scope, from the first. */
  readonly scopes: Map<string, MemoryRevision[]>;
  readonly proposals: Map<string, StoredProposal>;
}

const byAge = (a: StoredProposal, b: StoredProposal): number =>
  a.at - b.at || (a.proposalId < b.proposalId ? -1 : Number(a.proposalId > b.proposalId));

const viewOf = ({ scope, revision, text }: MemoryRevision): MemoryView => ({ scope, revision, text });

const cleaned = (proposal: StoredProposal): StoredProposal => ({
  ...proposal,
  scope: cleanText(proposal.scope),
  text: cleanText(proposal.text),
  ...(proposal.basis === undefined ? {} : { basis: cleanText(proposal.basis) }),
  ...(proposal.reason === undefined ? {} : { reason: cleanText(proposal.reason) }),
});

/** Memory scopes, their history and their proposals, in memory. What the other stores do to them does not await. */
export class MemoryMemoryStore implements MemoryStore {
  readonly #tenants = new Map<TenantId, Notes>();
  readonly #revisions = new Map<TenantId, number>();

  /** The tenant's project revision: it rises with publications and with memory. */
  projectRevision(tenant: TenantId): number {
    return this.#revisions.get(tenant) ?? 0;
  }

  raiseRevision(tenant: TenantId): void {
    this.#revisions.set(tenant, this.projectRevision(tenant) + 1);
  }

  /** The scope as it is now. */
  view(tenant: TenantId, scope: string): MemoryView | undefined {
    const latest = this.#notes(tenant).scopes.get(scope)?.at(-1);
    return latest === undefined ? undefined : viewOf(latest);
  }

  /** Writes the first revision where there is none; false when the scope exists. */
  seed(tenant: TenantId, { scope, text }: { readonly scope: string; readonly text: string }, at: number): boolean {
    const { scopes } = this.#notes(tenant);
    if (scopes.has(scope)) return false;
    scopes.set(scope, [{ scope, revision: 1, text: cleanText(text), at, change: { kind: 'seed' } }]);
    return true;
  }

  /** Stores the proposals of an append, each once by its id. */
  propose(tenant: TenantId, proposals: readonly StoredProposal[]): void {
    const known = this.#notes(tenant).proposals;
    for (const proposal of proposals) {
      if (!known.has(proposal.proposalId)) known.set(proposal.proposalId, cleaned(proposal));
    }
  }

  async listScopes(tenant: TenantId): Promise<readonly MemoryView[]> {
    const { scopes } = this.#notes(tenant);
    return [...scopes.keys()].toSorted().flatMap((scope) => this.view(tenant, scope) ?? []);
  }

  async history(tenant: TenantId, scope: string, limit: number, cursor?: string): Promise<Page<MemoryRevision>> {
    const before = cursor === undefined ? Number.POSITIVE_INFINITY : numberOf(cursor);
    const found = (this.#notes(tenant).scopes.get(scope) ?? [])
      .filter(({ revision }) => revision < before)
      .toSorted((a, b) => b.revision - a.revision);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined ? { items, nextCursor: String(last.revision) } : { items };
  }

  async readRevision(tenant: TenantId, scope: string, revision: number): Promise<MemoryRevision | undefined> {
    return this.#notes(tenant).scopes.get(scope)?.[revision - 1];
  }

  async pendingScopes(
    limit: number,
    of?: TenantId,
  ): Promise<
    readonly { readonly tenant: TenantId; readonly scope: string; readonly count: number; readonly oldestAt: number }[]
  > {
    const found: { tenant: TenantId; scope: string; count: number; oldestAt: number }[] = [];
    for (const [tenant, { proposals }] of this.#tenants) {
      if (of !== undefined && tenant !== of) continue;
      const scopes = new Map<string, { tenant: TenantId; scope: string; count: number; oldestAt: number }>();
      for (const { scope, status, at } of proposals.values()) {
        if (status !== 'pending') continue;
        const waiting = scopes.get(scope) ?? { tenant, scope, count: 0, oldestAt: at };
        waiting.count += 1;
        waiting.oldestAt = Math.min(waiting.oldestAt, at);
        scopes.set(scope, waiting);
      }
      found.push(...scopes.values());
    }
    const name = ({ tenant, scope }: { tenant: TenantId; scope: string }) => `${tenant}\u0000${scope}`;
    return found.toSorted((a, b) => a.oldestAt - b.oldestAt || (name(a) < name(b) ? -1 : 1)).slice(0, limit);
  }

  async drop(tenant: TenantId, scope: string): Promise<void> {
    this.#notes(tenant).scopes.delete(scope);
  }

  async listProposals({ tenant, scope, status, runId, limit, cursor }: ProposalFilter): Promise<Page<StoredProposal>> {
    const split = cursor?.indexOf(':') ?? 0;
    const [at, id] = cursor === undefined ? [-1, ''] : [numberOf(cursor.slice(0, split)), cursor.slice(split + 1)];
    const found = [...this.#notes(tenant).proposals.values()]
      .filter((proposal) => scope === undefined || proposal.scope === scope)
      .filter((proposal) => status === undefined || proposal.status === status)
      .filter((proposal) => runId === undefined || proposal.runId === runId)
      .filter((proposal) => proposal.at > at || (proposal.at === at && proposal.proposalId > id))
      .toSorted(byAge);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined
      ? { items, nextCursor: `${last.at}:${last.proposalId}` }
      : { items };
  }

  async findProposal(tenant: TenantId, proposalId: string): Promise<StoredProposal | undefined> {
    return this.#notes(tenant).proposals.get(proposalId);
  }

  async commit({
    tenant,
    scope,
    expectedRevision,
    next,
    proposals,
    at,
  }: MemoryCommit): Promise<'committed' | 'conflict'> {
    const notes = this.#notes(tenant);
    const revisions = notes.scopes.get(scope) ?? [];
    if (revisions.length !== expectedRevision) return 'conflict';
    const changed = new Map<string, StoredProposal>();
    for (const { proposalId, from, to, reason } of proposals) {
      const known = changed.get(proposalId) ?? notes.proposals.get(proposalId);
      if (known === undefined || known.scope !== scope || known.status !== from) return 'conflict';
      const { reason: _, ...rest } = known;
      changed.set(proposalId, {
        ...rest,
        status: to,
        ...(reason === undefined ? {} : { reason }),
        ...(to === 'folded' && next !== undefined ? { revision: expectedRevision + 1 } : {}),
      });
    }
    for (const [proposalId, proposal] of changed) notes.proposals.set(proposalId, proposal);
    if (next === undefined) return 'committed';
    const change: MemoryChange = structuredClone(next.change);
    revisions.push({ scope, revision: expectedRevision + 1, text: cleanText(next.text), at, change });
    notes.scopes.set(scope, revisions);
    this.raiseRevision(tenant);
    return 'committed';
  }

  #notes(tenant: TenantId): Notes {
    const notes = this.#tenants.get(tenant) ?? { scopes: new Map(), proposals: new Map() };
    this.#tenants.set(tenant, notes);
    return notes;
  }
}

const numberOf = (text: string): number => {
  const number = Number(text);
  if (text !== '' && Number.isSafeInteger(number)) return number;
  throw new DomainError('invalid_argument', 'the cursor is not one of this list');
};
