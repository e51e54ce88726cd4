import type { Digest } from '../identity/ids.ts';

/** Kinds of part, in the order in which a manifest lists them. */
export type PartKind = 'agent' | 'model' | 'soul' | 'skill' | 'tools' | 'memory';

/** One part of a snapshot: raw bytes of one thing, addressed by their digest. Agent versions may freeze different content of one name. */
export interface ManifestPart {
  readonly kind: PartKind;
  /** Agent id, model id, soul id, skill name, or memory scope (`global`, `dag/NAME`, `agent/ID`). For agent, `ID@VERSION`; for tools, `tools`. */
  readonly name: string;
  /** Uncompressed bytes. */
  readonly size: number;
  readonly digest: Digest;
  /** The first steps that ask for it, in walk order, at most four: `DAG/step`. */
  readonly askedBy: readonly string[];
}

/** The manifest: its canonical JSON bytes are what the snapshot's digest covers. Parts are sorted by kind order, then name, then digest. */
export interface Manifest {
  readonly formatVersion: 1;
  readonly parts: readonly ManifestPart[];
}

/** Limits of a snapshot, checked at build and at decode alike. All in bytes unless named otherwise. */
export interface SnapshotLimits {
  readonly maxCompressedBytes: number;
  readonly maxBytes: number;
  readonly maxPartBytes: number;
  readonly maxJsonPartBytes: number;
  readonly maxSkillFiles: number;
  readonly maxPathBytes: number;
  readonly maxJsonDepth: number;
  readonly maxJsonNodes: number;
}

/** Defaults of `SnapshotLimits`. */
export const defaultSnapshotLimits: SnapshotLimits = {
  maxCompressedBytes: 4 * 1024 * 1024,
  maxBytes: 16 * 1024 * 1024,
  maxPartBytes: 4 * 1024 * 1024,
  maxJsonPartBytes: 512 * 1024,
  maxSkillFiles: 2_048,
  maxPathBytes: 512,
  maxJsonDepth: 64,
  maxJsonNodes: 200_000,
};

/** Snapshot format versions that this build reads and writes. */
export const snapshotFormatVersions: readonly number[] = [1];
