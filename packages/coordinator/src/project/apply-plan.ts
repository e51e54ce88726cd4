import type { Digest, PartKind, VersionChange, VersionId } from '@skein/domain';

/** What becomes of one thing. */
export type PlannedChange = 'created' | 'updated' | 'unchanged';

/** An alias before and after; absent where there is none. */
export interface AliasChange {
  readonly before?: string;
  readonly after?: string;
}

/** What becomes of one agent, against its active version (or its newest, when none is active). */
export interface PlannedAgent {
  readonly agentId: string;
  readonly change: PlannedChange;
  readonly versionId: VersionId;
  /** Alias of the version that was compared with, and of the published one. */
  readonly version: AliasChange;
  readonly active: AliasChange;
  readonly candidate: AliasChange;
  /** Values are shortened. */
  readonly changes: readonly VersionChange[];
  /** Ids of the scorers that differ: no part of a version, and of no effect on a rollout that has begun. Absent when none does. */
  readonly scorers?: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly string[];
  };
}

/** What becomes of one DAG. */
export interface PlannedDag {
  readonly name: string;
  readonly change: PlannedChange;
  readonly before?: Digest;
  readonly digest: Digest;
  /** Ids of steps, handlers (`@name`) included. */
  readonly steps: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly string[];
  };
  /** Names of the DAG's other fields that differ, for example `schedule`. */
  readonly fields: readonly string[];
}

/** A model, soul or skill that differs, and the agents whose new versions come of it. */
export interface PlannedPart {
  readonly kind: Extract<PartKind, 'model' | 'soul' | 'skill'>;
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly agents: readonly string[];
}

/** What an apply changes, found against the store before anything is published. */
export interface ApplyPlan {
  readonly agents: readonly PlannedAgent[];
  readonly dags: readonly PlannedDag[];
  readonly parts: readonly PlannedPart[];
  /** A scope that exists is kept as it is. */
  readonly memory: readonly { readonly scope: string; readonly change: 'seeded' | 'kept' }[];
}
