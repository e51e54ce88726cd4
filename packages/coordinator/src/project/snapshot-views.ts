import type { Digest, Manifest, PartKind } from '@skein/domain';

/** A sealed snapshot: every part with size, digest and the steps that ask for it. Sizes in bytes. */
export interface InspectedSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** The whole envelope as it travels, compressed. */
  readonly bytes: number;
  /** All parts, each digest once, uncompressed. */
  readonly uncompressedBytes: number;
}

/** One part that two snapshots do not share. */
export interface SnapshotDiffPart {
  readonly kind: PartKind;
  readonly name: string;
  readonly before?: { readonly digest: Digest; readonly size: number };
  readonly after?: { readonly digest: Digest; readonly size: number };
}

/** What changed from snapshot `a` to `b`: parts by kind and name. */
export interface SnapshotDiff {
  readonly a: Digest;
  readonly b: Digest;
  readonly added: readonly SnapshotDiffPart[];
  readonly removed: readonly SnapshotDiffPart[];
  readonly changed: readonly SnapshotDiffPart[];
  /** Parts that both hold. */
  readonly same: number;
}
