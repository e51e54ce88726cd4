import type { Digest, Manifest, TenantId } from '@skein/domain';

/** Sealed snapshots by digest; parts are shared between snapshots. */
export interface SnapshotStore {
  /** Idempotent: the same digest stores once. `parts` are the raw uncompressed bytes of every part in the manifest. */
  save(tenant: TenantId, digest: Digest, manifest: Manifest, parts: ReadonlyMap<Digest, Uint8Array>): Promise<void>;
  find(tenant: TenantId, digest: Digest): Promise<Manifest | undefined>;
  readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined>;
}
