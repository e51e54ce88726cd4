import type {
  EvidenceSummary,
  Explanation,
  RolloutActor,
  RolloutEventType,
  RolloutId,
  RolloutReason,
  RunId,
  Score,
  VersionId,
} from '@skein/domain';

/** A replay as it is shown. */
export interface ReplayInfo {
  readonly id: string;
  readonly agentId: string;
  readonly candidateVersionId: VersionId;
  readonly status: 'running' | 'passed' | 'failed' | 'inconclusive';
  readonly mode: 'strict' | 'live';
  readonly rolloutId?: RolloutId;
  readonly createdAt: string;
  readonly finishedAt?: string;
  readonly pairs: readonly {
    readonly runId: RunId;
    readonly step: string;
    readonly replayRunId?: RunId;
    readonly state: 'waiting' | 'running' | 'done' | 'failed';
    /** By metric: recorded and replayed x in 0 … 1, higher better. */
    readonly values: { readonly [metric: string]: { readonly recorded: number; readonly replayed: number } };
    /** Calls of tools that were not in the record. */
    readonly divergedCalls?: number;
    /** Why it failed. */
    readonly reason?: string;
  }[];
  readonly comparison: readonly {
    readonly metric: string;
    readonly pairs: number;
    readonly meanDifference: number;
    readonly eWorse: number;
    readonly eNotWorse: number;
    /** It takes part in the verdict. */
    readonly decides?: boolean;
  }[];
  readonly explanation: Explanation;
}

/** A raw observation: one per counted unit and metric. Instants are ISO 8601. */
export interface ObservationInfo {
  readonly seq: number;
  readonly unit: string;
  /** Index in the labels of the arms, and its label. */
  readonly arm: number;
  readonly armLabel: string;
  readonly epoch: number;
  readonly metric: string;
  /** null: its deadline passed. */
  readonly value: number | null;
  readonly runId: string;
  readonly assignedAt: string;
  readonly at: string;
}

/** A page of observations; the cursor is absent on the last one. */
export interface ObservationPage {
  readonly items: readonly ObservationInfo[];
  readonly nextCursor?: string;
  readonly rolloutId: RolloutId;
  /** Labels, in order. */
  readonly arms: readonly string[];
}

/** What happened to a rollout. */
export interface RolloutEventInfo {
  readonly seq: number;
  readonly rolloutId: RolloutId;
  readonly agentId: string;
  readonly revision: number;
  readonly type: RolloutEventType;
  /** ISO 8601. */
  readonly at: string;
  readonly by: RolloutActor;
  readonly reason: RolloutReason;
  readonly evidence?: EvidenceSummary;
  readonly explanation: Explanation;
}

/** A page of events; `next` is the cursor to read on from. */
export interface RolloutEvents {
  readonly items: readonly RolloutEventInfo[];
  readonly next: number;
}

/** A switch that sends every run of an agent to its active version. `at` is ISO 8601. */
export interface FreezeInfo {
  readonly agentId: string;
  readonly by: string;
  readonly reason: string;
  readonly at: string;
}

/** A score of one step, or (`step` empty) of an agent's part in a run. `at` is ISO 8601. */
export interface ScoreInfo extends Omit<Score, 'at'> {
  readonly at: string;
}

/**
 * What became of a score: `recorded` is false for a repetition, `counted` says whether a rollout counts it. `why` is there when it is not what was
 * probably meant: nobody knows the scorer, or the first value of it stands.
 */
export interface PostedScore {
  readonly score: ScoreInfo;
  readonly recorded: boolean;
  readonly counted: boolean;
  readonly why?: string;
}
