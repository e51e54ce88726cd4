import { DomainError, type TenantId } from '@skein/domain';
import type { TokenRecord, TokenScope, TokenStore } from '@skein/ports';
import { type Selectable, sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries, Schema } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** Hashed tokens in SQL. */
export class SqlTokenStore implements TokenStore {
  readonly #committer: Committer;
  readonly #queries: Queries;

  /** Unlike that of any other opening of the database; with the count it names each use for ever. */
  readonly #writer: string;
  #count = 0;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries; readonly writer: string }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#writer = deps.writer;
  }

  async insert(record: TokenRecord): Promise<void> {
    const insert = this.#queries
      .insertInto('token')
      .values(rowOf(record))
      .onConflict((conflict) => conflict.doNothing());
    // The very same row is no clash: the unit is sent again when its answer was lost.
    const same = this.#queries
      .selectFrom('token')
      .select('token_id')
      .where('tenant', '=', record.tenant)
      .where('token_id', '=', record.tokenId)
      .where('hash', '=', record.hash);
    const outcome = await this.#committer.commit({
      key: record.tenant,
      guards: [{ must: 'change', ...bound(insert), otherwise: bound(same) }],
      writes: [],
    });
    if (outcome.status === 'done' || outcome.rows.length > 0) return;
    throw new DomainError('already_exists', 'the token exists already', { tokenId: record.tokenId });
  }

  async findByHash(hash: string): Promise<TokenRecord | undefined> {
    const row = await this.#queries.selectFrom('token').selectAll().where('hash', '=', hash).executeTakeFirst();
    return row === undefined ? undefined : recordOf(row);
  }

  async list(tenant: TenantId): Promise<readonly TokenRecord[]> {
    const tokens = this.#queries.selectFrom('token').selectAll().where('tenant', '=', tenant);
    return (await tokens.orderBy('created_at').orderBy('token_id').execute()).map(recordOf);
  }

  async revoke(tenant: TenantId, tokenId: string, at: number): Promise<void> {
    const revoke = this.#queries
      .updateTable('token')
      .set({ revoked_at: sql<number>`coalesce(revoked_at, ${at})` })
      .where('tenant', '=', tenant)
      .where('token_id', '=', tokenId);
    const outcome = await this.#committer.commit({
      key: tenant,
      guards: [{ must: 'change', ...bound(revoke) }],
      writes: [],
    });
    if (outcome.status === 'done') return;
    throw new DomainError('not_found', 'unknown token', { tokenId });
  }

  async countUse(tenant: TenantId, tokenId: string): Promise<boolean> {
    this.#count += 1;
    const useId = `${this.#writer}.${this.#count.toString(36)}`;
    const count = this.#queries
      .updateTable('token')
      .set({ uses: sql<number>`uses + 1`, use_id: useId })
      .where('tenant', '=', tenant)
      .where('token_id', '=', tokenId)
      .where((eb) => eb.or([eb('max_uses', 'is', null), eb('uses', '<', eb.ref('max_uses'))]))
      .where((eb) => eb.or([eb('use_id', 'is', null), eb('use_id', '<>', useId)]));
    // Counted, and sent again because the answer was lost.
    const counted = this.#queries
      .selectFrom('token')
      .select('token_id')
      .where('tenant', '=', tenant)
      .where('token_id', '=', tokenId)
      .where('use_id', '=', useId);
    const outcome = await this.#committer.commit({
      key: tenant,
      guards: [{ must: 'change', ...bound(count), otherwise: bound(counted) }],
      writes: [],
    });
    return outcome.status === 'done' || outcome.rows.length > 0;
  }
}

const rowOf = (record: TokenRecord): Schema['token'] => ({
  tenant: record.tenant,
  token_id: record.tokenId,
  kind: record.kind,
  name: record.name,
  hash: record.hash,
  created_at: record.createdAt,
  expires_at: record.expiresAt ?? null,
  revoked_at: record.revokedAt ?? null,
  role: record.role ?? null,
  labels: record.scope?.labels === undefined ? null : JSON.stringify(record.scope.labels),
  max_uses: record.scope?.maxUses ?? null,
  uses: record.scope?.uses ?? 0,
  use_id: null,
});

const scopeOf = ({ labels, max_uses: maxUses, uses }: Selectable<Schema['token']>): TokenScope | undefined => {
  if (labels === null && maxUses === null && Number(uses) === 0) return undefined;
  return {
    ...(labels === null ? {} : { labels: JSON.parse(labels) as { readonly [name: string]: string } }),
    ...(maxUses === null ? {} : { maxUses: Number(maxUses) }),
    uses: Number(uses),
  };
};

const recordOf = (row: Selectable<Schema['token']>): TokenRecord => {
  const scope = scopeOf(row);
  return {
    tokenId: row.token_id,
    tenant: row.tenant,
    kind: row.kind,
    name: row.name,
    hash: row.hash,
    createdAt: Number(row.created_at),
    ...(row.expires_at === null ? {} : { expiresAt: Number(row.expires_at) }),
    ...(row.revoked_at === null ? {} : { revokedAt: Number(row.revoked_at) }),
    ...(row.role === null ? {} : { role: row.role }),
    ...(scope === undefined ? {} : { scope }),
  };
};
