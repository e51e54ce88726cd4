import type { Problem } from '../errors/domain-error.ts';
import type { TenantId, VersionId } from '../identity/ids.ts';
import { completeArms } from './arms.ts';
import { completeForced } from './forced-units.ts';
import { completeSteps, defaultStepWeights, planProblems } from './plan.ts';
import { eventOf } from './rollout-event.ts';
import { refuseProblems } from './rollout-problems.ts';
import {
  type RolloutActor,
  type RolloutEvent,
  type RolloutId,
  type RolloutMemory,
  type RolloutRecord,
  type RolloutType,
  type Scorer,
  totalParts,
} from './rollout-record.ts';
import { completeRules, type RuleRequest } from './rule-defaults.ts';
import { ruleProblems } from './rule-problems.ts';
import { initialSegments, stableParts } from './segments.ts';
import { settingProblems } from './setting-problems.ts';
import { parseWeight } from './weights.ts';

/** A step of a plan as it is asked for; `weight` is the candidate's share. */
export interface StepRequest {
  readonly weight: number | string;
  readonly minUnits?: number;
  readonly minDurationMs?: number;
  readonly gate?: 'auto' | 'approval';
  readonly maxHarm?: number;
}

/** A forced unit as it is asked for: `arm` is a label, `until` an ISO 8601 instant. */
export interface ForcedRequest {
  readonly unit: string;
  readonly arm: string;
  readonly until?: string;
}

/** A rollout as it is asked for, with all versions resolved; what is left out gets its default here. */
export interface NewRollout {
  readonly tenant: TenantId;
  readonly id: RolloutId;
  readonly agentId: string;
  /** The agent's active version. */
  readonly stableVersionId: VersionId;
  /** Random 128 bits, or that of the rollout whose salt is used again. */
  readonly salt: string;
  readonly by: RolloutActor;
  /** ms. */
  readonly at: number;
  /** Revision of the agent's memory; 0: it has none. */
  readonly memoryRevision: number;
  readonly type: RolloutType;
  /** Canary. */
  readonly candidateVersionId?: VersionId;
  /** Canary: the weight when there is no plan; with `steps` it must be that of the first one. */
  readonly weight?: number | string;
  /** A/B: two to eight, the stable version among them, in any order. */
  readonly arms?: readonly {
    readonly versionId: VersionId;
    readonly weight: number | string;
    readonly label?: string;
  }[];
  readonly steps?: readonly StepRequest[];
  readonly rules?: readonly RuleRequest[];
  /** With the versions of their judges. */
  readonly scorers?: readonly Scorer[];
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
  readonly forced?: readonly ForcedRequest[];
  readonly memory?: RolloutMemory['mode'];
  readonly shadow?: number | string;
  /** A replay that must pass first: the rollout is a draft until then. */
  readonly replayId?: string;
  /** Prepare only. With `replayId`: stays a draft after the replay passed. */
  readonly draft?: boolean;
}

const defaultHorizonMs = 30 * 86_400_000;

/**
 * A rollout at revision 1 with its event. Throws `invalid_argument` for shape, else `unprocessable` for what can never work;
 * either with every problem in `details.problems`, each with its field.
 */
export const newRollout = (input: NewRollout): { readonly record: RolloutRecord; readonly event: RolloutEvent } => {
  const horizonMs = input.horizonMs ?? defaultHorizonMs;
  const alpha = input.alpha ?? 0.01;
  const requested = stepsOf(input);
  const problems: Problem[] = [...settingProblems(input), ...planProblems(requested, horizonMs)];
  const arms = completeArms(input, requested, problems);
  const forced = completeForced(input.forced ?? [], arms, input.at, problems);
  const scorers = input.scorers ?? [];
  const rules = completeRules(input.rules, scorers);
  const setting = { scorers, alpha, candidates: Math.max(1, arms.length - 1), planned: requested.length > 0 };
  problems.push(...ruleProblems(rules, setting));
  refuseProblems(problems);

  const status = input.draft === true || input.replayId !== undefined ? 'draft' : 'active';
  const parts = arms.map((arm) => arm.parts);
  const record: RolloutRecord = {
    tenant: input.tenant,
    id: input.id,
    agentId: input.agentId,
    type: input.type,
    status,
    stableVersionId: input.stableVersionId,
    arms,
    segments: initialSegments(parts),
    salt: input.salt,
    algo: 'sha256/v1',
    routingKeys: input.routingKeys ?? ['resourceId', 'threadId'],
    ...(input.eligibility === undefined ? {} : { eligibility: input.eligibility }),
    steps: completeSteps(requested),
    stepIndex: 0,
    stepStartedAt: input.at,
    stepStartUnits: 0,
    rules,
    scorers,
    alpha,
    alphaSpent: alpha,
    promoteAlpha: input.promoteAlpha ?? 0.05,
    runPolicy: input.runPolicy ?? 'drain',
    onNoData: input.onNoData ?? 'pause',
    valueDeadlineMs: input.valueDeadlineMs ?? 600_000,
    runDeadlineMs: input.runDeadlineMs ?? 3_600_000,
    onMissing: input.onMissing ?? 'drop',
    horizonAt: input.at + horizonMs,
    forced,
    memory: { mode: input.memory ?? 'frozen', revision: input.memoryRevision },
    ...(input.replayId === undefined ? {} : { replayGate: replayGateOf(input.replayId, input.draft) }),
    shadow: input.shadow === undefined ? 0 : parseWeight(input.shadow) / totalParts,
    revision: 1,
    epoch: 1,
    createdBy: input.by.actor,
    createdAt: input.at,
    ...(status === 'active' ? { startedAt: input.at } : {}),
    updatedAt: input.at,
    statusReason: 'requested',
    statusActor: input.by,
    lastActor: input.by,
    epochs: [{ epoch: 1, at: input.at, parts: status === 'active' ? parts : stableParts(parts) }],
  };
  return { record, event: eventOf(record, 'created', 'requested', input.by) };
};

const replayGateOf = (replayId: string, draft: boolean | undefined): NonNullable<RolloutRecord['replayGate']> =>
  draft === true ? { replayId, status: 'running', manual: true } : { replayId, status: 'running' };

/** The plan: what is asked for, else the default one for a canary without a weight of its own. */
const stepsOf = (input: NewRollout): readonly StepRequest[] => {
  if (input.steps !== undefined) return input.steps;
  if (input.type !== 'canary' || input.weight !== undefined) return [];
  return defaultStepWeights.map((weight) => ({ weight }));
};
