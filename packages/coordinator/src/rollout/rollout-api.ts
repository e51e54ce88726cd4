import type {
  AgentFreeze,
  EvidenceSummary,
  Explanation,
  ForcedUnit,
  JsonObject,
  Metric,
  MetricScale,
  RolloutId,
  RolloutMemory,
  RolloutReason,
  RolloutRule,
  RolloutStatus,
  RolloutType,
  RunId,
  Score,
  Scorer,
  TallyKind,
  TenantId,
  VersionId,
} from '@skein/domain';
import type { Observation, Page, RolloutEventPage } from '@skein/ports';

/** A weight: a fraction 0 … 1 as a number or a decimal string. */
export type Weight = number | string;

/** A rule as it is asked for; what is left out has the defaults of its metric (`completeRule`). */
export interface RuleInput {
  readonly id?: string;
  readonly metric: Metric;
  readonly kind?: 'regression' | 'floor';
  readonly direction?: 'higher_is_better' | 'lower_is_better';
  readonly margin?: number;
  readonly threshold?: number;
  readonly scale?: MetricScale;
  readonly weight?: number;
  readonly action?: 'rollback' | 'pause' | 'notify';
  readonly minUnits?: number;
  /** false: no part of the promotion gate. */
  readonly promoteMargin?: number | false;
}

/** A scorer as it is asked for. */
export type ScorerInput =
  | { readonly id: string; readonly kind: 'expression'; readonly expression: string; readonly sample?: number }
  | {
      readonly id: string;
      readonly kind: 'agent';
      readonly agent: string;
      readonly rubric: string;
      readonly sample?: number;
    }
  | { readonly id: string; readonly kind: 'posted'; readonly sample?: number };

/** A step as it is asked for. */
export interface StepInput {
  readonly weight: Weight;
  readonly minUnits?: number;
  readonly minDurationMs?: number;
  readonly gate?: 'auto' | 'approval';
  readonly maxHarm?: number;
}

/** A replay as it is asked for. */
export interface ReplayInput {
  /** Version of the candidate, by id or alias. */
  readonly candidate: string;
  readonly runs:
    | { readonly kind: 'failed' }
    | { readonly kind: 'low_score'; readonly below: number }
    | { readonly kind: 'sample' };
  /** Recorded steps at most; default 20, at most 500. */
  readonly limit?: number;
  readonly mode?: 'strict' | 'live';
  /** Worse by more than this in the pairwise comparison fails it; default 0.05. */
  readonly margin?: number;
  readonly scorers?: readonly ScorerInput[];
}

/** A rollout to be started; versions by id or alias. */
export interface StartRollout {
  readonly type: RolloutType;
  /** Canary. */
  readonly candidateVersionId?: string;
  /** Canary: the first weight; with `steps` that of the first step. */
  readonly weight?: Weight;
  /** A/B: at least two, at most eight, with the active version among them; weights sum to 1. */
  readonly arms?: readonly { readonly versionId: string; readonly weight: Weight; readonly label?: string }[];
  /** `[]`: no plan, the weight is set by hand. Absent: the default plan (g.7) unless `weight` is given. */
  readonly steps?: readonly StepInput[];
  readonly rules?: readonly RuleInput[];
  /** Absent: those of the agent's settings. */
  readonly scorers?: readonly ScorerInput[];
  readonly routingKeys?: readonly string[];
  readonly eligibility?: string;
  readonly alpha?: number;
  readonly promoteAlpha?: number;
  readonly runPolicy?: 'drain' | 'migrate' | 'abort';
  readonly onNoData?: 'pause' | 'ignore' | 'rollback';
  readonly onMissing?: 'drop' | 'zero';
  readonly valueDeadlineMs?: number;
  readonly runDeadlineMs?: number;
  readonly horizonMs?: number;
  readonly forced?: readonly { readonly unit: string; readonly arm: string; readonly until?: string }[];
  readonly memory?: RolloutMemory['mode'];
  readonly reuseSalt?: RolloutId;
  readonly shadow?: Weight;
  /** Must pass before the first unit is exposed: the rollout is a draft until then. */
  readonly replay?: Omit<ReplayInput, 'candidate'>;
  /** Prepare only; `activate` starts it. */
  readonly draft?: boolean;
  readonly reason?: string;
  /** Overrides the cooldown and the forecast's refusal; needs a reason. */
  readonly force?: boolean;
}

/** What recent traffic says about a plan. */
export interface RolloutForecast {
  /** Distinct units per day that use the agent, from at most the last 7 days. */
  readonly unitsPerDay: number;
  readonly steps: readonly { readonly weight: string; readonly candidateUnitsPerDay: number; readonly days?: number }[];
  readonly days?: number;
  readonly warnings: readonly string[];
  /** Why the plan cannot finish; absent when it can. */
  readonly impossible?: string;
}

/** What is written by hand into a live rollout. */
export interface PatchRollout {
  readonly revision: number;
  readonly weight?: Weight;
  /** By label. */
  readonly weights?: { readonly [label: string]: Weight };
  /** Replaces the rules; evidence of rules that stay as they are is kept. */
  readonly rules?: readonly RuleInput[];
  readonly forced?: StartRollout['forced'];
  readonly onNoData?: 'pause' | 'ignore' | 'rollback';
  readonly runPolicy?: 'drain' | 'migrate' | 'abort';
  readonly reason?: string;
}

/** An arm as it is shown. `weight` is a decimal string that converts back to `parts` exactly. */
export interface ArmView {
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
export interface RolloutView {
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
  readonly arms: readonly ArmView[];
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
  readonly salt: string;
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
export interface MetricResult {
  readonly metric: Metric;
  readonly count: number;
  readonly missing: number;
  readonly mean: number;
  readonly sd: number;
  readonly min: number;
  readonly max: number;
  readonly quantiles: { readonly p10: number; readonly p50: number; readonly p90: number; readonly p99: number };
  /** Difference of means to stable in raw units, with its two-sided anytime-valid band; absent for stable and below 2 values. */
  readonly difference?: { readonly mean: number; readonly lower: number; readonly upper: number };
  readonly eValue?: number;
  /** Adjusted over the arms of an experiment, for display only (Benjamini-Hochberg). */
  readonly adjusted?: number;
}

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

/** A replay as it is shown. */
export interface ReplayView {
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

/** A score that came from outside. */
export interface PostScore {
  readonly scorer: string;
  readonly value: number;
  /** Needed when the run used several agents. */
  readonly agentId?: string;
  readonly step?: string;
  readonly reason?: string;
}

/** Who asks, as it is recorded. */
export interface By {
  readonly actor: string;
}

/**
 * Rollouts of agents. `agent` is an agent id. Errors: `not_found` (agent, version, rollout), `invalid_argument` (shape), `unprocessable` (a rule or plan
 * that can never work), `version_conflict` (revision; `details.current` is the record's view), `already_exists` (another one is live),
 * `illegal_transition` (status), `unavailable`.
 */
export interface Rollouts {
  start(
    tenant: TenantId,
    agent: string,
    start: StartRollout,
    by: By,
  ): Promise<{ readonly rollout: RolloutView; readonly forecast: RolloutForecast }>;
  /** What `start` would say; changes nothing. */
  forecast(tenant: TenantId, agent: string, start: StartRollout): Promise<RolloutForecast>;
  /** The live one, else the newest draft, else undefined. */
  current(tenant: TenantId, agent: string): Promise<RolloutView | undefined>;
  read(tenant: TenantId, rolloutId: RolloutId): Promise<RolloutView>;
  activate(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  patch(tenant: TenantId, agent: string, patch: PatchRollout, by: By): Promise<RolloutView>;
  pause(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  resume(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  /** The person's word that the current step may end. */
  approve(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  /** One transaction with the agent's active version. A/B: `versionId` is the winner and is required. */
  promote(
    tenant: TenantId,
    agent: string,
    options: {
      readonly revision: number;
      readonly versionId?: string;
      readonly reason?: string;
      readonly force?: boolean;
    },
    by: By,
  ): Promise<RolloutView>;
  /** Always allowed and idempotent: a second call answers the same record. */
  rollback(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string; readonly rolloutId?: RolloutId },
    by: By,
  ): Promise<RolloutView>;
  cancel(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  /** Of the given one, else of the live or the last one. */
  results(tenant: TenantId, agent: string, rolloutId?: RolloutId): Promise<RolloutResults>;
  /** Newest first; `page` from 1; `perPage` at most 100, `false`: all. */
  list(
    tenant: TenantId,
    agent: string | undefined,
    page: number,
    perPage: number | false,
  ): Promise<{
    readonly rollouts: readonly RolloutView[];
    readonly total: number;
    readonly page: number;
    readonly perPage: number | false;
  }>;
  observations(
    tenant: TenantId,
    agent: string,
    options: {
      readonly rolloutId?: RolloutId;
      readonly metric?: string;
      readonly limit: number;
      readonly cursor?: string;
    },
  ): Promise<Page<Observation> & { readonly rolloutId: RolloutId; readonly arms: readonly string[] }>;
  events(tenant: TenantId, afterSeq: number, limit: number): Promise<RolloutEventPage>;
  /** The view whenever it changes, at most twice a second, until it is terminal or the signal aborts. */
  watch(tenant: TenantId, agent: string, signal: AbortSignal): AsyncIterable<RolloutView>;
  freeze(tenant: TenantId, agent: string, reason: string, by: By): Promise<AgentFreeze>;
  unfreeze(tenant: TenantId, agent: string, by: By): Promise<void>;
  readFreeze(tenant: TenantId, agent: string): Promise<AgentFreeze | undefined>;
  /** Attributed to the run's recorded decision. `recorded` is false for a repetition. */
  postScore(
    tenant: TenantId,
    runId: RunId,
    score: PostScore,
    by: By,
  ): Promise<{ readonly score: Score; readonly recorded: boolean; readonly counted: boolean }>;
  listScores(tenant: TenantId, runId: RunId): Promise<readonly Score[]>;
  startReplay(tenant: TenantId, agent: string, replay: ReplayInput, by: By): Promise<ReplayView>;
  readReplay(tenant: TenantId, replayId: string): Promise<ReplayView>;
  listReplays(tenant: TenantId, agent: string, limit: number): Promise<readonly ReplayView[]>;
}

/** Sent to webhooks, signed as Standard Webhooks say; the same document as an event of the stream. */
export interface WebhookBody {
  readonly type: string;
  readonly timestamp: string;
  readonly data: JsonObject;
}
