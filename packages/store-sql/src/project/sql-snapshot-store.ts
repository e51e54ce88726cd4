import { type Digest, DomainError, type Manifest, type TenantId } from '@skein/domain';
import type { BlobStore, CollectedSnapshots, Hasher, SnapshotStore } from '@skein/ports';
import { readStoredPart } from '../files/read-stored-part.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** What the snapshot store works with. */
export interface SqlSnapshotStoreDeps {
  readonly committer: Committer;
  readonly queries: Queries;
  readonly blobs: BlobStore;
  readonly hasher: Hasher;
}

/** Manifests in SQL; the bytes of parts in the blob store, shared between snapshots. */
export class SqlSnapshotStore implements SnapshotStore {
  readonly #deps: SqlSnapshotStoreDeps;

  constructor(deps: SqlSnapshotStoreDeps) {
    this.#deps = deps;
  }

  async save(
    tenant: TenantId,
    digest: Digest,
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
  ): Promise<void> {
    const { committer, queries, blobs, hasher } = this.#deps;
    const wanted = manifest.parts.map((part) => {
      const bytes = parts.get(part.digest);
      if (bytes === undefined) {
        throw new DomainError('invalid_argument', 'a part of the manifest has no bytes', { digest: part.digest });
      }
      if (hasher.digest(bytes) !== part.digest) {
        throw new DomainError('digest_mismatch', 'a part does not match its digest', { digest: part.digest });
      }
      return bytes;
    });
    if ((await this.find(tenant, digest)) !== undefined) return;
    // Bytes first: a manifest never names bytes that are not on disk.
    await Promise.all(wanted.map((bytes) => blobs.put(tenant, bytes)));
    const insert = queries
      .insertInto('snapshot')
      .values({ tenant, digest, manifest: JSON.stringify(manifest) })
      .onConflict((conflict) => conflict.columns(['tenant', 'digest']).doNothing());
    await committer.commit({ key: tenant, guards: [], writes: [bound(insert)] });
  }

  async find(tenant: TenantId, digest: Digest): Promise<Manifest | undefined> {
    const row = await this.#deps.queries
      .selectFrom('snapshot')
      .select('manifest')
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row === undefined ? undefined : (JSON.parse(row.manifest) as Manifest);
  }

  async collect(): Promise<CollectedSnapshots> {
    return { snapshots: [], parts: 0, bytes: 0 };
  }

  readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return readStoredPart(this.#deps.blobs, tenant, digest);
  }
}
