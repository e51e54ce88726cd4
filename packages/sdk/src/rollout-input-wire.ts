import type { RolloutId, RolloutMemory, RolloutType, RuleRequest } from '@skein/domain';

/** A weight: a fraction 0 … 1 as a number or a decimal string. */
export type Weight = number | string;

/** A rule as it is asked for; what is left out has the defaults of its metric. */
export type RuleInput = RuleRequest;

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
  /** Pairs that must have been compared before means alone may pass it; default 5, at most 500. Proof (E >= 20) needs no number. */
  readonly minPairs?: number;
  readonly scorers?: readonly ScorerInput[];
}

/** A rollout to be started; versions by id or alias. */
export interface StartRolloutInput {
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

/** What is written by hand into a live rollout. */
export interface PatchRolloutInput {
  readonly revision: number;
  readonly weight?: Weight;
  /** By label. */
  readonly weights?: { readonly [label: string]: Weight };
  /** Replaces the rules; evidence of rules that stay as they are is kept. */
  readonly rules?: readonly RuleInput[];
  readonly forced?: StartRolloutInput['forced'];
  readonly onNoData?: 'pause' | 'ignore' | 'rollback';
  readonly runPolicy?: 'drain' | 'migrate' | 'abort';
  readonly reason?: string;
  /** Overrides the limit of `alphaSpent`; needs a reason. */
  readonly force?: boolean;
}

/** A score that came from outside. */
export interface PostScoreInput {
  readonly scorer: string;
  readonly value: number;
  /** Needed when the run used several agents. */
  readonly agentId?: string;
  readonly step?: string;
  readonly reason?: string;
}
