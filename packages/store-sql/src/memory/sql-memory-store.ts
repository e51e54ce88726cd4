import { DomainError, type StoredProposal, type TenantId } from '@skein/domain';
import type {
  MemoryChange,
  MemoryCommit,
  MemoryRevision,
  MemoryStore,
  MemoryView,
  Page,
  ProposalFilter,
} from '@skein/ports';
import { sql } from 'kysely';
import { scopeLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';
import { createMemoryUnits } from './memory-unit.ts';
import { proposalOf } from './proposal-row.ts';

/** Memory scopes, their history and their proposals in SQL. */
export class SqlMemoryStore implements MemoryStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #unitOf: ReturnType<typeof createMemoryUnits>;
  /** Unlike that of any other opening of the database; with the count it names each commit for ever. */
  readonly #writer: string;
  #count = 0;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries; readonly writer: string }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#unitOf = createMemoryUnits(deps.queries);
    this.#writer = deps.writer;
  }

  async listScopes(tenant: TenantId): Promise<readonly MemoryView[]> {
    return this.#queries
      .selectFrom('memory')
      .select(['scope', 'revision', 'text'])
      .where('tenant', '=', tenant)
      .orderBy('scope')
      .execute();
  }

  async history(tenant: TenantId, scope: string, limit: number, cursor?: string): Promise<Page<MemoryRevision>> {
    const before = cursor === undefined ? undefined : numberOf(cursor);
    const rows = await this.#revisions(tenant, scope)
      .$if(before !== undefined, (query) => query.where('revision', '<', before ?? 0))
      .orderBy('revision', 'desc')
      .limit(limit + 1)
      .execute();
    const items = rows.slice(0, limit).map(revisionOf);
    const last = items.at(-1);
    return rows.length > limit && last !== undefined ? { items, nextCursor: String(last.revision) } : { items };
  }

  async readRevision(tenant: TenantId, scope: string, revision: number): Promise<MemoryRevision | undefined> {
    const row = await this.#revisions(tenant, scope).where('revision', '=', revision).executeTakeFirst();
    return row === undefined ? undefined : revisionOf(row);
  }

  async pendingScopes(
    limit: number,
    tenant?: TenantId,
  ): Promise<
    readonly { readonly tenant: TenantId; readonly scope: string; readonly count: number; readonly oldestAt: number }[]
  > {
    const rows = await this.#queries
      .selectFrom('memory_proposal')
      .select((eb) => ['tenant', 'scope', eb.fn.countAll<number>().as('count'), eb.fn.min('at').as('oldest_at')])
      .where(sql<boolean>`status = 'pending'`)
      .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
      .groupBy(['tenant', 'scope'])
      .orderBy('oldest_at')
      .orderBy('tenant')
      .orderBy('scope')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      tenant: row.tenant,
      scope: row.scope,
      count: Number(row.count),
      oldestAt: Number(row.oldest_at),
    }));
  }

  async listProposals({ tenant, scope, status, runId, limit, cursor }: ProposalFilter): Promise<Page<StoredProposal>> {
    let query = this.#queries.selectFrom('memory_proposal').selectAll().where('tenant', '=', tenant);
    if (scope !== undefined) query = query.where('scope', '=', scope);
    if (runId !== undefined) query = query.where('run_id', '=', runId);
    // Spelled out, so that the partial indexes of what is open are used.
    if (status === 'pending') query = query.where(sql<boolean>`status = 'pending'`);
    else if (status === 'review') query = query.where(sql<boolean>`status = 'review'`);
    else if (status !== undefined) query = query.where('status', '=', status);
    if (cursor !== undefined) {
      const split = cursor.indexOf(':');
      const [at, id] = [numberOf(cursor.slice(0, split)), cursor.slice(split + 1)];
      query = query
        .where('at', '>=', at)
        .where((eb) => eb.or([eb('at', '>', at), eb.and([eb('at', '=', at), eb('proposal_id', '>', id)])]));
    }
    const rows = await query
      .orderBy('at')
      .orderBy('proposal_id')
      .limit(limit + 1)
      .execute();
    const items = rows.slice(0, limit).map(proposalOf);
    const last = items.at(-1);
    return rows.length > limit && last !== undefined
      ? { items, nextCursor: `${last.at}:${last.proposalId}` }
      : { items };
  }

  async findProposal(tenant: TenantId, proposalId: string): Promise<StoredProposal | undefined> {
    const row = await this.#queries
      .selectFrom('memory_proposal')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('proposal_id', '=', proposalId)
      .executeTakeFirst();
    return row === undefined ? undefined : proposalOf(row);
  }

  async commit(commit: MemoryCommit): Promise<'committed' | 'conflict'> {
    this.#count += 1;
    const { unit, outcomeOf } = this.#unitOf(commit, `${this.#writer}.m${this.#count.toString(36)}`);
    return outcomeOf(await this.#committer.commit(unit));
  }

  async drop(tenant: TenantId, scope: string): Promise<void> {
    const of = { tenant, scope };
    const writes = (['memory', 'memory_history'] as const).map((table) =>
      bound(this.#queries.deleteFrom(table).where('tenant', '=', of.tenant).where('scope', '=', of.scope)),
    );
    const locks = [scopeLock(tenant, scope)];
    await this.#committer.commit({ key: `${tenant}\u0000${scope}`, locks, guards: [], writes });
  }

  #revisions(tenant: TenantId, scope: string) {
    return this.#queries
      .selectFrom('memory_history')
      .select(['scope', 'revision', 'text', 'at', 'change'])
      .where('tenant', '=', tenant)
      .where('scope', '=', scope);
  }
}

const revisionOf = (row: {
  scope: string;
  revision: number;
  text: string;
  at: number;
  change: string;
}): MemoryRevision => ({
  scope: row.scope,
  revision: row.revision,
  text: row.text,
  at: Number(row.at),
  change: JSON.parse(row.change) as MemoryChange,
});

const numberOf = (text: string): number => {
  const number = Number(text);
  if (text !== '' && Number.isSafeInteger(number)) return number;
  throw new DomainError('invalid_argument', 'the cursor is not one of this list');
};
