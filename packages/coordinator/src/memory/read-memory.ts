import type { StoredProposal, TenantId } from '@skein/domain';
import { DomainError, parseForkScope, utf8Length } from '@skein/domain';
import type { MemoryRevision, Page } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { requireScope } from './fold-scope.ts';
import type { ListProposals, MemoryDocument, MemoryHistoryEntry, MemorySummary, ProposalView } from './memory-views.ts';
import { currentScope } from './scope-commit.ts';

const entryOf = ({ scope, revision, text, at, change }: MemoryRevision): MemoryHistoryEntry => ({
  scope,
  revision,
  bytes: utf8Length(text),
  at: new Date(at).toISOString(),
  change,
});

/** A revision with its text, as it is shown. */
export const documentOf = (revision: MemoryRevision): MemoryDocument => ({ ...entryOf(revision), text: revision.text });

/** A proposal as it is shown. */
export const proposalView = ({ at, ...rest }: StoredProposal): ProposalView => ({
  ...rest,
  at: new Date(at).toISOString(),
});

const inOrder = ({ scope: a }: MemorySummary, { scope: b }: MemorySummary): number => (a < b ? -1 : a > b ? 1 : 0);

/** Every scope of a tenant, sorted; the copies of a rollout's arms are shown only to who asks for one. */
export const listMemory = async (engine: Engine, tenant: TenantId): Promise<readonly MemorySummary[]> =>
  (await engine.deps.memory.listScopes(tenant))
    .filter(({ scope }) => parseForkScope(scope) === undefined)
    .map(({ scope, revision, text }) => ({ scope, revision, bytes: utf8Length(text) }))
    .toSorted(inOrder);

const noScope = (scope: string, revision?: number): DomainError =>
  revision === undefined
    ? new DomainError('not_found', `there is no memory ${scope}`, { scope })
    : new DomainError('not_found', `the memory ${scope} has no revision ${revision}`, { scope, revision });

/** A scope now, or at a revision. Throws `not_found`, `invalid_argument`. */
export const readMemory = async (
  engine: Engine,
  tenant: TenantId,
  scope: string,
  revision?: number,
): Promise<MemoryDocument> => {
  requireScope(scope);
  const wanted = revision ?? (await currentScope(engine, tenant, scope)).revision;
  const found = wanted === 0 ? undefined : await engine.deps.memory.readRevision(tenant, scope, wanted);
  if (found === undefined) throw noScope(scope, revision);
  return documentOf(found);
};

/** Revisions of a scope, newest first. Throws `not_found`, `invalid_argument`. */
export const memoryHistory = async (
  engine: Engine,
  tenant: TenantId,
  scope: string,
  limit: number,
  cursor?: string,
): Promise<Page<MemoryHistoryEntry>> => {
  requireScope(scope);
  const page = await engine.deps.memory.history(tenant, scope, limit, cursor);
  if (page.items.length === 0 && cursor === undefined) throw noScope(scope);
  const items = page.items.map(entryOf);
  return page.nextCursor === undefined ? { items } : { items, nextCursor: page.nextCursor };
};

/** Proposals, oldest first. */
export const listProposals = async (
  engine: Engine,
  tenant: TenantId,
  filter: ListProposals,
): Promise<Page<ProposalView>> => {
  const page = await engine.deps.memory.listProposals({ ...filter, tenant });
  const items = page.items.map(proposalView);
  return page.nextCursor === undefined ? { items } : { items, nextCursor: page.nextCursor };
};
