import type { RunId, TenantId, VersionId } from '../identity/ids.ts';
import type { JsonObject } from '../json/json-value.ts';

/** `rol_` + UUIDv7. */
export type RolloutId = string;

/** Live: `active` and `paused`. Terminal, and never changed again (I3): `completed`, `rolled_back`, `cancelled`. */
export type RolloutStatus = 'draft' | 'active' | 'paused' | 'completed' | 'rolled_back' | 'cancelled';

/** `canary`: the stable version and one candidate. `ab_test`: 2 to 8 versions that are compared. */
export type RolloutType = 'canary' | 'ab_test';

/** Weights are stored as integer parts of this: T = 2^32. Parts of all arms sum to it exactly. */
export const totalParts = 2 ** 32;

/** One arm. `arms[0]` is always the stable version, the control. */
export interface RolloutArm {
  readonly versionId: VersionId;
  /** Unique in its rollout: `stable`, `candidate`, or what the author says. */
  readonly label: string;
  /** Integer, 0 to 2^32. */
  readonly parts: number;
}

/** Positions `lo` (inclusive) to `hi` (exclusive) belong to `arms[arm]`. Segments are sorted and cover [0, 2^32) without overlap (P1). */
export interface Segment {
  readonly lo: number;
  readonly hi: number;
  readonly arm: number;
}

/** Metrics that every agent step yields; `run_failed` and `run_partial` are of the whole run. */
export type BuiltinMetric =
  | 'error'
  | 'latency'
  | 'costUsd'
  | 'tokens'
  | 'toolErrors'
  | 'turns'
  | 'schemaRepairs'
  | 'takeover'
  | 'run_failed'
  | 'run_partial';

/** A built-in metric; `score:ID` of a scorer, 0 to 1; or `missing:ID`: 1 when a sampled unit got no such score by its deadline. */
export type Metric = BuiltinMetric | `score:${string}` | `missing:${string}`;

/**
 * How a value becomes x in [0, 1], higher better (g.5). `unit`: clamped to 0 … 1, and 1 - x when lower is better.
 * `cap`: 1 - min(v, cap) / cap. `rank`: within a block, the share of stable values that it beats, ties one half; needs no cap.
 */
export type MetricScale =
  | { readonly kind: 'unit' }
  | { readonly kind: 'cap'; readonly cap: number }
  | { readonly kind: 'rank' };

/** What is tested of one metric, frozen at the start and applied to every arm: one ruler for both. */
export interface RolloutRule {
  /** Unique in its rollout; default the metric. */
  readonly id: string;
  readonly metric: Metric;
  readonly direction: 'higher_is_better' | 'lower_is_better';
  /** `regression`: worse than the concurrent stable version by more than `margin` (g.6). `floor`: mean x below `threshold`. */
  readonly kind: 'regression' | 'floor';
  /** Margin delta in [0, 1); 0.02 for scores and ranks, 0 for errors. */
  readonly margin: number;
  /** Only for `floor`: m0 in (0, 1). */
  readonly threshold?: number;
  readonly scale: MetricScale;
  /** Share of alpha, > 0, relative to the other rules. */
  readonly weight: number;
  readonly action: 'rollback' | 'pause' | 'notify';
  /** Candidate values before the rule may act; default 1, the test is valid at any number. */
  readonly minUnits: number;
  /** Part of the promotion gate, with its own margin delta_p > 0; absent: no part of it. */
  readonly promoteMargin?: number;
}

/** What judges outputs, frozen at the start with the version of its judge; no part of an agent version. */
export type Scorer =
  | { readonly id: string; readonly kind: 'expression'; readonly expression: string; readonly sample: number }
  | {
      readonly id: string;
      readonly kind: 'agent';
      readonly agentId: string;
      readonly versionId: VersionId;
      readonly rubric: string;
      readonly sample: number;
    }
  /** Values come over HTTP. */
  | { readonly id: string; readonly kind: 'posted'; readonly sample: number };

/** One stage. */
export interface RolloutStep {
  /** The candidate's share in this step, in parts. */
  readonly parts: number;
  /** Candidate units of this step whose run must be over before it may end, and which must have a value of each metric of the gate; default 20. */
  readonly minUnits: number;
  readonly minDurationMs: number;
  readonly gate: 'auto' | 'approval';
  /** Upper confidence bound on harm, in units of x, that must be undercut before the step ends; default 0.25. */
  readonly maxHarm: number;
}

/** A unit that is sent to one arm whatever its position; not counted. `until` in ms; absent: while the rollout lives. */
export interface ForcedUnit {
  readonly unit: string;
  /** Index in `arms`. */
  readonly arm: number;
  readonly until?: number;
}

/** How the agent's own memory is kept apart between the arms (I9). */
export interface RolloutMemory {
  /**
   * `frozen`: all arms see `revision` and proposals wait until the end. `forked`: each arm other than stable has a copy, the winner's is kept.
   * `shared`: as if there were no rollout.
   */
  readonly mode: 'frozen' | 'forked' | 'shared';
  /** Revision of the agent's memory at the start; 0: it had none. */
  readonly revision: number;
}

/** The evidence as it stood when something was decided: what the explanation speaks of. All numbers finite. */
export interface EvidenceSummary {
  readonly at: number;
  /** Units counted by arm, in the order of `arms`. */
  readonly units: readonly number[];
  readonly tests: readonly TestSummary[];
  /** ln B of the sample ratio test and its alarm threshold ln 1000. */
  readonly srm: { readonly lnB: number; readonly threshold: number; readonly alarm: boolean };
  readonly unrouted: number;
  /** What the false-rollback bound has come to: all of alpha from the first look (Ville), and more by changes of rules: see `alphaSpent`. */
  readonly alpha: number;
}

/** One rule of one arm against stable. */
export interface TestSummary {
  readonly rule: string;
  readonly metric: Metric;
  /** Index in `arms`. */
  readonly arm: number;
  readonly blocks: number;
  /** Values in closed blocks. */
  readonly candidateValues: number;
  readonly stableValues: number;
  readonly candidateMean: number;
  readonly stableMean: number;
  /** E of the regression test now, its running maximum, and 1/alpha_r, the threshold. */
  readonly eValue: number;
  readonly eMax: number;
  readonly threshold: number;
  readonly breached: boolean;
  /** E of the promotion test now and its threshold 1/alpha_p; absent for a rule that is no part of the gate. */
  readonly promotion?: {
    readonly eValue: number;
    readonly eMax: number;
    readonly threshold: number;
    readonly passed: boolean;
  };
  /** Anytime-valid upper bound on harm (stable minus candidate, in x), 1 while unknown. */
  readonly harmUpper: number;
  readonly missing: number;
}

/** Why the rollout is as it is. */
export type RolloutReason =
  | 'requested'
  | 'regression'
  | 'floor'
  | 'srm_alarm'
  | 'circuit_breaker'
  | 'no_data'
  | 'scorer_outage'
  | 'horizon_ended'
  | 'replay_failed'
  | 'replay_passed'
  | 'replay_inconclusive'
  | 'gate_passed'
  | 'superseded';

/** Who did something and why. `actor` is a token's name, or `evaluator`. */
export interface RolloutActor {
  readonly actor: string;
  readonly reason?: string;
  /** A check was overridden. */
  readonly force?: true;
}

/** A rollout as it is stored, all of g.4. Instants in ms since the epoch. Revision rises by exactly 1 with each write (I2). */
export interface RolloutRecord {
  readonly tenant: TenantId;
  readonly id: RolloutId;
  readonly agentId: string;
  readonly type: RolloutType;
  readonly status: RolloutStatus;
  readonly stableVersionId: VersionId;
  readonly arms: readonly RolloutArm[];
  readonly segments: readonly Segment[];
  readonly salt: string;
  readonly algo: 'sha256/v1';
  /** Fields of the routing context, in order; the first with a non-empty string is the unit. Default `resourceId`, `threadId`. */
  readonly routingKeys: readonly string[];
  /** CEL over `context`; only runs for which it is true may meet another arm than stable. */
  readonly eligibility?: string;
  /** Empty: the weight is set by hand only. */
  readonly steps: readonly RolloutStep[];
  readonly stepIndex: number;
  /** When the step began to expose; moves on with the time that was spent paused. */
  readonly stepStartedAt: number;
  /** Candidate units that were counted when the step began. */
  readonly stepStartUnits: number;
  readonly stepApproved?: { readonly by: string; readonly at: number };
  readonly rules: readonly RolloutRule[];
  readonly scorers: readonly Scorer[];
  /** Probability of a false rollback over all rules, arms and looks; default 0.01. */
  readonly alpha: number;
  /**
   * What the false-rollback bound has come to: alpha for the tests of the start, and the share of each test that a change of the rules began since
   * (union bound). Not above 0.5 unless forced.
   */
  readonly alphaSpent: number;
  /** Of the promotion gate; default 0.05, so that E >= 20. */
  readonly promoteAlpha: number;
  readonly runPolicy: 'drain' | 'migrate' | 'abort';
  readonly onNoData: 'pause' | 'ignore' | 'rollback';
  /** A value that is not there this long after the run's tree ended is missing; default 10 min. */
  readonly valueDeadlineMs: number;
  /** A run that has not ended this long after its unit was assigned counts as missing; default 1 h. */
  readonly runDeadlineMs: number;
  /** `drop`: a missing value is left out in both arms. `zero`: it is x = 0 in both arms. */
  readonly onMissing: 'drop' | 'zero';
  /** Undecided at this instant: inconclusive, pause. Default 30 days after the start; moves on with the time that was spent paused. */
  readonly horizonAt: number;
  readonly forced: readonly ForcedUnit[];
  readonly memory: RolloutMemory;
  /**
   * Replay that must pass before the first unit is exposed. `manual`: stays a draft after it has passed, until it is activated by hand. `held`: the
   * same, as another rollout of the agent was live when it passed. `inconclusive`: stays a draft, until it is activated by force or cancelled.
   */
  readonly replayGate?: {
    readonly replayId: string;
    readonly status: 'running' | 'passed' | 'failed' | 'inconclusive';
    readonly manual?: true;
    readonly held?: true;
  };
  /** Share of live steps that also run on the candidate with tools mocked from the record; 0: none. */
  readonly shadow: number;
  readonly revision: number;
  /** From 1; rises with each change of the weights that routing uses, a pause and a resume among them. */
  readonly epoch: number;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly updatedAt: number;
  readonly completedAt?: number;
  /** Why it is in its status. */
  readonly statusReason: RolloutReason;
  /** What the reason does not say by itself, in words. */
  readonly statusDetail?: string;
  /** Who brought it into its status, whatever else was changed since. */
  readonly statusActor: RolloutActor;
  /** The last decision: by whom, and in their words. */
  readonly lastActor: RolloutActor;
  /** Evidence at the last decision; kept for ever, never cleared. */
  readonly evidence?: EvidenceSummary;
  /** Whoever won: index in `arms`. */
  readonly winner?: number;
  /** Work is still to do after the end: open runs are being migrated or aborted, or the memory of the arms is settled. */
  readonly policyPending?: true;
  /** Arms and parts of each epoch, oldest first, for the sample ratio test and for replays. At most 512. */
  readonly epochs: readonly { readonly epoch: number; readonly at: number; readonly parts: readonly number[] }[];
}

/** What happened to a rollout: one per revision, in the commit of the write; the outbox of webhooks and of the event stream. */
export type RolloutEventType =
  | 'created'
  | 'activated'
  | 'weight_set'
  | 'step_advanced'
  | 'approved'
  | 'paused'
  | 'resumed'
  | 'changed'
  | 'breached'
  | 'promoted'
  | 'completed'
  | 'rolled_back'
  | 'cancelled'
  | 'policy_done';

/** `seq` is given by the store, per tenant and without gaps. */
export interface RolloutEvent {
  readonly tenant: TenantId;
  readonly seq?: number;
  readonly rolloutId: RolloutId;
  readonly agentId: string;
  readonly revision: number;
  readonly type: RolloutEventType;
  readonly at: number;
  readonly by: RolloutActor;
  readonly reason: RolloutReason;
  readonly evidence?: EvidenceSummary;
  readonly explanation: Explanation;
}

/** What was decided, on which evidence, and what happens next: the same sentences on every surface. */
export interface Explanation {
  /** Names the kind of decision, for programs. */
  readonly code: string;
  readonly decided: string;
  readonly because: string;
  readonly next: string;
  readonly data: JsonObject;
}

/**
 * A unit that an arm was exposed to, in order of assignment: `seq` counts from 1 in its rollout, given when a step of the agent is leased
 * for the first time in a run that the segments routed. Once per rollout and unit, without the arm.
 */
export interface RolloutUnit {
  readonly seq: number;
  /** Hex, 32 digits: see `unitHash`. */
  readonly unit: string;
  /** Index in `arms`. */
  readonly arm: number;
  readonly epoch: number;
  /** ms; of the lease. */
  readonly at: number;
  /** The root run. */
  readonly runId: RunId;
  /** `void`: no step of the agent started after all, or its run was migrated; its unit may be counted another time, its place in the order stays. */
  readonly state: 'open' | 'ended' | 'void';
  readonly endedAt?: number;
  /** Raw values by metric; null: missing, its deadline passed. Written once each. */
  readonly values: { readonly [metric: string]: number | null };
}
