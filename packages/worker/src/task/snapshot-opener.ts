import type { Digest, SnapshotAttachment } from '@skein/domain';
import type { AgentStores } from '@skein/ports';

/** Turns an offer's snapshot into read-only stores, or refuses it. */
export interface SnapshotOpener {
  /**
   * Verified stores of exactly this digest (S1). `fetchEnvelope` is called when the attachment and the cache together lack parts.
   * Throws `snapshot_invalid`, `digest_mismatch`, `too_large`, and what `fetchEnvelope` throws.
   */
  open(
    attachment: SnapshotAttachment,
    fetchEnvelope: (held: readonly Digest[]) => Promise<Uint8Array>,
  ): Promise<AgentStores>;
  /** Digests of snapshots and parts in the cache. */
  held(): readonly Digest[];
  /** Called when digests leave the cache. */
  onEvicted(listener: (digests: readonly Digest[]) => void): void;
}
