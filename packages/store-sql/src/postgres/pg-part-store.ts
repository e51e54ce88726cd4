import type { Digest, TenantId } from '@skein/domain';
import type { Hasher } from '@skein/ports';
import type { PartHold, PartStore, PartSweep } from '../files/part-store.ts';
import { snapshotsLock } from '../sql/locks.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer, Guard } from '../sql/write-unit.ts';
import { isDigest, PgBytes } from './pg-bytes.ts';
import type { SidePool } from './side-connection.ts';

/**
 * The parts of snapshots in PostgreSQL, where any process may save and any may collect.
 * P1 A part is removed only in a transaction that has the tenant's snapshots to itself and sees no row that lists the part.
 * P2 Rows that list parts are written only where all of them are stored, under the same lock: a part that was removed since its bytes
 *    were put stops the rows, and the save puts it again.
 */
export class PgPartStore implements PartStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #bytes: PgBytes;

  constructor(deps: {
    readonly committer: Committer;
    readonly queries: Queries;
    readonly pool: SidePool;
    readonly hasher: Hasher;
  }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#bytes = new PgBytes({ ...deps, kind: 'part' });
  }

  /** Nothing is held in memory: P1 and P2 do it. */
  async hold(): Promise<PartHold> {
    return { release: () => {} };
  }

  async put(tenant: TenantId, bytes: Uint8Array): Promise<void> {
    await this.#bytes.put(tenant, bytes);
  }

  read(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return this.#bytes.read(tenant, digest);
  }

  nameOf(tenant: TenantId, digest: Digest): string | undefined {
    return isDigest(digest) ? `${tenant}/${digest}` : undefined;
  }

  /** Only of those that no row lists: there is nothing else to remove. */
  async names(): Promise<readonly string[]> {
    const rows = await this.#queries
      .selectFrom('blob')
      .select(['tenant', 'digest'])
      .where('kind', '=', 'part')
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('snapshot_part')
              .select('part_digest')
              .whereRef('snapshot_part.tenant', '=', 'blob.tenant')
              .whereRef('snapshot_part.part_digest', '=', 'blob.digest'),
          ),
        ),
      )
      .execute();
    return rows.map(({ tenant, digest }) => `${tenant}/${digest}`);
  }

  sweep(): PartSweep {
    return { remove: (name) => this.#remove(name), end: () => {} };
  }

  /** P2 */
  guard(tenant: TenantId, digests: readonly Digest[]): Guard {
    return {
      must: 'exist',
      sql: `select 1 as stored where not exists (
        select 1 from jsonb_array_elements_text($1::jsonb) as wanted(digest)
        where not exists (select 1 from blob where kind = 'part' and tenant = $2 and blob.digest = wanted.digest))`,
      params: [JSON.stringify([...new Set(digests)]), tenant],
    };
  }

  /** P1 */
  async #remove(name: string): Promise<number | undefined> {
    const at = name.lastIndexOf('/');
    const [tenant, digest] = [name.slice(0, at), name.slice(at + 1)];
    const size = await this.#bytes.size(tenant, digest);
    if (size === undefined) return undefined;
    const outcome = await this.#committer.commit({
      key: tenant,
      locks: [snapshotsLock(tenant, 'exclusive')],
      // Among the guards, as are the rows of a save: of both in one batch the later sees what the earlier did.
      guards: [
        {
          must: 'change',
          sql: `delete from blob where kind = 'part' and tenant = $1 and digest = $2
            and not exists (select 1 from snapshot_part where tenant = $1 and part_digest = $2)`,
          params: [tenant, digest],
        },
      ],
      writes: [
        {
          sql: `delete from blob_chunk where kind = 'part' and tenant = $1 and digest = $2
            and not exists (select 1 from blob where kind = 'part' and tenant = $1 and digest = $2)`,
          params: [tenant, digest],
        },
      ],
    });
    return outcome.status === 'done' ? size : undefined;
  }
}
