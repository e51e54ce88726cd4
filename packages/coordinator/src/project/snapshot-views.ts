import type { Digest, Manifest, ManifestDiff } from '@skein/domain';

/** A sealed snapshot: every part with size, digest and the steps that ask for it. Sizes in bytes. */
export interface InspectedSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** The whole envelope as it travels, compressed. */
  readonly bytes: number;
  /** All parts, each digest once, uncompressed. */
  readonly uncompressedBytes: number;
}

/** What changed from snapshot `a` to `b`. */
export interface SnapshotDiff extends ManifestDiff {
  readonly a: Digest;
  readonly b: Digest;
}
