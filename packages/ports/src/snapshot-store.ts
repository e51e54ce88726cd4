import type { Digest, Manifest, TenantId } from '@skein/domain';

/** Sealed snapshots by digest; parts are shared between snapshots. */
export interface SnapshotStore {
  /**
   * Idempotent: the same digest stores once, and parts whose stored bytes are damaged or gone are stored anew. `parts` are the raw
   * uncompressed bytes of every part in the manifest.
   */
  save(
    tenant: TenantId,
    digest: Digest,
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
    /** ms since the epoch: begins the time of `collect`. */
    at: number,
  ): Promise<void>;
  find(tenant: TenantId, digest: Digest): Promise<Manifest | undefined>;
  /** Digests of stored snapshots that begin with `prefix` (`sha256:` and hex), sorted, at most `limit`. */
  listDigests(tenant: TenantId, prefix: string, limit: number): Promise<readonly Digest[]>;
  readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined>;
  /**
   * Removes, at most `limit` of them, snapshots to which no open run refers and whose last use (its sealing, or the end of a run that
   * referred to it) was before `unusedSince` (ms), and then the bytes of parts that no snapshot lists any more. References are counted
   * by the appends that admit and end runs. Safe at any time: an append that pins what is gone is refused with `version_conflict`.
   */
  collect(unusedSince: number, limit: number): Promise<CollectedSnapshots>;
}

/** What a collection removed. */
export interface CollectedSnapshots {
  readonly snapshots: readonly { readonly tenant: TenantId; readonly digest: Digest }[];
  readonly parts: number;
  readonly bytes: number;
}
