import type { TenantId } from '@skein/domain';
import type { SealedSecret, SecretStore } from '@skein/ports';
import type { Selectable } from 'kysely';
import type { SealedSecretTable } from '../sql/fleet-schema.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** Sealed secrets in SQL; the bytes are opaque here. */
export class SqlSecretStore implements SecretStore {
  readonly #committer: Committer;
  readonly #queries: Queries;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
  }

  async put(secret: SealedSecret): Promise<void> {
    const put = this.#queries
      .insertInto('sealed_secret')
      .values(rowOf(secret))
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'name']).doUpdateSet((eb) => ({
          key_id: eb.ref('excluded.key_id'),
          sealed: eb.ref('excluded.sealed'),
          updated_at: eb.ref('excluded.updated_at'),
          updated_by: eb.ref('excluded.updated_by'),
        })),
      );
    await this.#committer.commit({ key: secretKey(secret.tenant, secret.name), guards: [], writes: [bound(put)] });
  }

  async read(tenant: TenantId, name: string): Promise<SealedSecret | undefined> {
    const row = await this.#queries
      .selectFrom('sealed_secret')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    return row === undefined ? undefined : secretOf(row);
  }

  async list(tenant: TenantId): Promise<readonly Omit<SealedSecret, 'sealed'>[]> {
    const rows = await this.#queries
      .selectFrom('sealed_secret')
      .select(['tenant', 'name', 'key_id', 'updated_at', 'updated_by'])
      .where('tenant', '=', tenant)
      .orderBy('name')
      .execute();
    return rows.map(labelOf);
  }

  async listSealedByOthers(keyId: string, limit: number): Promise<readonly SealedSecret[]> {
    const rows = await this.#queries
      .selectFrom('sealed_secret')
      .selectAll()
      .where('key_id', '<>', keyId)
      .orderBy('tenant')
      .orderBy('name')
      .limit(limit)
      .execute();
    return rows.map(secretOf);
  }

  async replace(secret: SealedSecret, before: SealedSecret): Promise<boolean> {
    const { tenant, name } = before;
    const { tenant: _tenant, name: _name, ...columns } = rowOf(secret);
    const replace = this.#queries
      .updateTable('sealed_secret')
      .set(columns)
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .where('key_id', '=', before.keyId)
      .where('sealed', '=', before.sealed);
    // It was sent again because its answer was lost: what we wrote is there.
    const done = this.#queries
      .selectFrom('sealed_secret')
      .select('name')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .where('key_id', '=', secret.keyId)
      .where('sealed', '=', secret.sealed);
    const outcome = await this.#committer.commit({
      key: secretKey(tenant, name),
      guards: [{ must: 'change', ...bound(replace), otherwise: bound(done) }],
      writes: [],
    });
    return outcome.status === 'done' || outcome.rows.length > 0;
  }

  async remove(tenant: TenantId, name: string): Promise<void> {
    const remove = this.#queries.deleteFrom('sealed_secret').where('tenant', '=', tenant).where('name', '=', name);
    await this.#committer.commit({ key: secretKey(tenant, name), guards: [], writes: [bound(remove)] });
  }
}

const secretKey = (tenant: TenantId, name: string): string => `secret/${tenant}/${name}`;

const rowOf = (secret: SealedSecret): SealedSecretTable => ({
  tenant: secret.tenant,
  name: secret.name,
  key_id: secret.keyId,
  sealed: secret.sealed,
  updated_at: secret.updatedAt,
  updated_by: secret.updatedBy,
});

const labelOf = (row: Omit<Selectable<SealedSecretTable>, 'sealed'>): Omit<SealedSecret, 'sealed'> => ({
  tenant: row.tenant,
  name: row.name,
  keyId: row.key_id,
  updatedAt: Number(row.updated_at),
  updatedBy: row.updated_by,
});

/** The bytes are an own copy: drivers give views of their buffers. */
const secretOf = (row: Selectable<SealedSecretTable>): SealedSecret => ({
  ...labelOf(row),
  sealed: new Uint8Array(row.sealed),
});
