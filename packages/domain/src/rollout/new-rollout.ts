import { DomainError } from '../errors/domain-error.ts';
import type { TenantId, VersionId } from '../identity/ids.ts';
import type {
  RolloutActor,
  RolloutEvent,
  RolloutId,
  RolloutMemory,
  RolloutRecord,
  RolloutType,
  Scorer,
} from './rollout-record.ts';
import type { RuleRequest } from './rule-defaults.ts';

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

/**
 * A rollout at revision 1 with its event. Throws `invalid_argument` for shape, else `unprocessable` for what can never work;
 * either with every problem in `details.problems`, each with its field.
 */
export const newRollout = (_input: NewRollout): { readonly record: RolloutRecord; readonly event: RolloutEvent } => {
  throw new DomainError('unimplemented', 'not there yet');
};
