import type {
  EvidenceSummary,
  Explanation,
  ForcedUnit,
  MetricNumbers,
  RolloutId,
  RolloutMemory,
  RolloutReason,
  RolloutRule,
  RolloutStatus,
  RolloutType,
  Scorer,
  TallyKind,
  VersionId,
} from '@skein/domain';

/** What recent traffic says about a plan. */
export interface RolloutForecast {
  /** Distinct units per day that use the agent, from at most the last 7 days. */
  readonly unitsPerDay: number;
  /** Without a plan one line per arm, with its label: it has this weight until somebody changes it. */
  readonly steps: readonly {
    readonly weight: string;
    readonly candidateUnitsPerDay: number;
    readonly days?: number;
    readonly label?: string;
  }[];
  readonly days?: number;
  readonly warnings: readonly string[];
  /** Why the plan cannot finish; absent when it can. */
  readonly impossible?: string;
}

/** An arm as it is shown. `weight` is a decimal string that converts back to `parts` exactly. */
export interface ArmInfo {
  readonly versionId: VersionId;
  readonly alias: string;
  readonly label: string;
  readonly weight: string;
  readonly parts: number;
  /** The integer percent of the compatible shape, rounded. */
  readonly percent: number;
  /** Units counted. */
  readonly units: number;
  /** Compatible shape: mean and number by scorer. */
  readonly scores: { readonly [scorer: string]: { readonly avg: number; readonly count: number } };
}

/** A rollout as every surface shows it. Instants are ISO 8601. */
export interface RolloutInfo {
  readonly id: RolloutId;
  readonly agentId: string;
  readonly type: RolloutType;
  readonly status: RolloutStatus;
  readonly statusReason: RolloutReason;
  readonly stableVersionId: VersionId;
  readonly candidateVersionId?: VersionId;
  /** Canary: the candidate's share, as a decimal string, and as an integer percent. */
  readonly weight?: string;
  readonly candidateWeight?: number;
  readonly arms: readonly ArmInfo[];
  readonly allocations: readonly { readonly versionId: VersionId; readonly weight: number; readonly label: string }[];
  readonly routingKeys: readonly string[];
  /** The first of them: the compatible shape. */
  readonly routingKey: string;
  readonly eligibility?: string;
  readonly steps: readonly {
    readonly weight: string;
    readonly minUnits: number;
    readonly minDurationMs: number;
    readonly gate: string;
    readonly maxHarm: number;
  }[];
  readonly stepIndex: number;
  readonly stepStartedAt: string;
  readonly stepApproved?: { readonly by: string; readonly at: string };
  readonly rules: readonly RolloutRule[];
  readonly scorers: readonly Scorer[];
  readonly alpha: number;
  /** What the false-rollback bound has come to: alpha, and what changes of rules added. */
  readonly alphaSpent: number;
  readonly promoteAlpha: number;
  readonly runPolicy: string;
  readonly onNoData: string;
  readonly onMissing: string;
  readonly valueDeadlineMs: number;
  readonly runDeadlineMs: number;
  readonly horizonAt: string;
  readonly forced: readonly ForcedUnit[];
  readonly memory: RolloutMemory;
  readonly shadow: string;
  readonly replay?: { readonly replayId: string; readonly status: string };
  readonly revision: number;
  readonly epoch: number;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly updatedAt: string;
  readonly completedAt: string | null;
  readonly reason?: string;
  readonly winner?: string;
  /** As it is now for a live one; as it was at the end for an ended one. */
  readonly evidence?: EvidenceSummary;
  readonly explanation: Explanation;
  readonly waitingFor: readonly { readonly code: string; readonly message: string; readonly until?: string }[];
}

/** One arm's numbers of one metric. */
export type MetricResult = MetricNumbers;

/** What was measured, also after the end. */
export interface RolloutResults {
  readonly rolloutId: RolloutId;
  readonly agentId: string;
  readonly type: RolloutType;
  readonly status: RolloutStatus;
  readonly epochs: number;
  readonly alpha: number;
  readonly alphaSpent: number;
  readonly srm: EvidenceSummary['srm'] & {
    readonly chiSquare: number;
    readonly pValue: number;
    readonly expected: readonly number[];
  };
  readonly tallies: { readonly [kind in TallyKind]?: number };
  readonly unrouted: number;
  readonly missing: number;
  readonly allocations: readonly {
    readonly versionId: VersionId;
    readonly label: string;
    /** Units, and admitted runs. */
    readonly units: number;
    readonly requestCount: number;
    readonly metrics: readonly MetricResult[];
    /** Compatible shape. */
    readonly scores: {
      readonly [scorer: string]: {
        readonly avg: number;
        readonly stddev: number;
        readonly count: number;
        readonly min: number;
        readonly max: number;
      };
    };
  }[];
  /** Beside the evidence, and no part of it; absent before the first shadow. */
  readonly shadow?: ShadowResults;
  readonly explanation: Explanation;
}

/** How the candidate's shadows compare with the live steps of the stable version that they shadowed, in x: 0 to 1, higher better. */
export interface ShadowResults {
  readonly shadows: number;
  /** Could not be made of their record, or did not end by themselves. */
  readonly failed: number;
  /** Left out because enough others were open. */
  readonly skipped: number;
  /** Calls of tools that were not in the record. */
  readonly divergedCalls: number;
  readonly metrics: readonly {
    readonly metric: string;
    readonly count: number;
    readonly live: number;
    readonly shadow: number;
    readonly meanDifference: number;
    readonly sd: number;
  }[];
}

/** A rollout that was just started. */
export interface StartedRollout extends RolloutInfo {
  readonly forecast: RolloutForecast;
}

/** A page of rollouts, newest first; `perPage` false: all of them. */
export interface RolloutPage {
  readonly rollouts: readonly RolloutInfo[];
  readonly total: number;
  readonly page: number;
  readonly perPage: number | false;
}
