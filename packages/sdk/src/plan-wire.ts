import type { Digest, Manifest, ManifestDiff, VersionChange, VersionId } from '@skein/domain';

/** What becomes of one thing. */
export type PlannedChange = 'created' | 'updated' | 'unchanged';

/** An alias before and after; absent where there is none. */
export interface AliasChange {
  readonly before?: string;
  readonly after?: string;
}

/** What an apply changes, or would change. */
export interface ApplyPlan {
  readonly agents: readonly {
    readonly agentId: string;
    readonly change: PlannedChange;
    readonly versionId: VersionId;
    /** Of the version that was compared with (the active one, else the newest), and of the published one. */
    readonly version: AliasChange;
    readonly active: AliasChange;
    readonly candidate: AliasChange;
    /** Values are shortened. */
    readonly changes: readonly VersionChange[];
    /** Ids of scorers that differ; they are no part of a version. Absent when none does. */
    readonly scorers?: {
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly changed: readonly string[];
    };
  }[];
  readonly dags: readonly {
    readonly name: string;
    readonly change: PlannedChange;
    readonly before?: Digest;
    readonly digest: Digest;
    readonly steps: {
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly changed: readonly string[];
    };
    /** Other fields of the DAG that differ. */
    readonly fields: readonly string[];
  }[];
  /** Models, souls and skills that differ, and the agents whose new versions come of it. */
  readonly parts: readonly {
    readonly kind: 'model' | 'soul' | 'skill';
    readonly name: string;
    readonly change: 'added' | 'removed' | 'changed';
    readonly agents: readonly string[];
  }[];
  readonly memory: readonly { readonly scope: string; readonly change: 'seeded' | 'kept' }[];
}

/** How two versions of an agent differ. */
export interface AgentDiff {
  readonly agentId: string;
  readonly from: { readonly versionId: VersionId; readonly alias: string };
  readonly to: { readonly versionId: VersionId; readonly alias: string };
  readonly changes: readonly VersionChange[];
}

/** A sealed snapshot. Sizes in bytes. */
export interface SnapshotInfo {
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** The whole envelope, compressed. */
  readonly bytes: number;
  /** All parts, uncompressed. */
  readonly uncompressedBytes: number;
}

/** What changed from snapshot `a` to `b`. */
export interface SnapshotDiffInfo extends ManifestDiff {
  readonly a: Digest;
  readonly b: Digest;
}
