import type { RunId, VersionId } from '../identity/ids.ts';
import type { RolloutId } from './rollout-record.ts';

/**
 * Why an admission was not counted, or could not be routed: counted per rollout in the admission's commit. An admission that the segments routed is
 * counted as `routed` and under its arm too, `arm:` and the index.
 */
export type TallyKind =
  | 'unrouted'
  | 'ineligible'
  | 'forced'
  | 'explicit'
  | 'frozen'
  | 'paused'
  | 'unbuildable'
  | 'routed'
  | `arm:${number}`;

/** One admission of a run of the agent under a live rollout. */
export interface RolloutTally {
  readonly rolloutId: RolloutId;
  readonly kind: TallyKind;
}

/** Written in the commit of the lease; a unit that is there already changes nothing. */
export interface RolloutExposure {
  readonly rolloutId: RolloutId;
  readonly unit: string;
  readonly arm: number;
  readonly epoch: number;
  readonly at: number;
  readonly runId: RunId;
}

/** A switch over an agent that sends every run to its active version, whatever a rollout says; such runs are no evidence, and tallied as `frozen`. */
export interface AgentFreeze {
  readonly agentId: string;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** A value for one unit and metric; null: missing. */
export interface RolloutValue {
  readonly rolloutId: RolloutId;
  readonly metric: string;
  /** Of the unit. */
  readonly seq: number;
  readonly value: number | null;
  readonly at: number;
}

/** A score of one step, or of one agent's part in a run. `value` is 0 to 1. */
export interface Score {
  readonly runId: RunId;
  readonly agentId: string;
  readonly versionId: VersionId;
  readonly scorer: string;
  /** Empty for the agent's whole part in the run. */
  readonly step: string;
  readonly value: number;
  readonly by: string;
  readonly reason?: string;
  readonly at: number;
}
