import type {
  Evidence,
  RolloutEvent,
  RolloutId,
  RolloutRecord,
  RolloutUnit,
  UnitSampler,
  VersionId,
} from '@skein/domain';
import type { StoreCommit } from './commit-log.ts';
import type { RunHistory } from './history.ts';

/** One rollout as the store holds it at the end. */
export interface RolloutEnd {
  readonly record: RolloutRecord;
  /** All of them, in order. */
  readonly units: readonly RolloutUnit[];
  readonly evidence?: Evidence;
}

/** An attempt of an agent's step: the version that the worker was given, and whose notes it found in the agent's memory. */
export interface PlayedStep {
  readonly runId: string;
  readonly step: string;
  readonly agentId: string;
  readonly versionId: VersionId;
  /** Runs whose notes the snapshot holds under the agent's own memory. */
  readonly notesOf: readonly string[];
}

/** All that rollouts did, after everything has come to rest: what `assertRollouts` judges. */
export interface RolloutHistory {
  readonly commits: readonly StoreCommit[];
  readonly rollouts: readonly RolloutEnd[];
  /** The whole stream of events. */
  readonly events: readonly (RolloutEvent & { readonly seq: number })[];
  /** What each webhook's receiver was sent, in order of arrival. */
  readonly received: { readonly [webhook: string]: readonly { readonly rolloutId: RolloutId; readonly seq: number }[] };
  readonly runs: readonly RunHistory[];
  readonly played: readonly PlayedStep[];
  /** Which units scorers sample. */
  readonly sampler: UnitSampler;
}
