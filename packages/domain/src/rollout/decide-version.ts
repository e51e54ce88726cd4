import type { VersionId } from '../identity/ids.ts';
import type { AgentDecision } from '../run/run-fact.ts';
import type { RolloutRecord } from './rollout-record.ts';
import { isTerminalRollout } from './rollout-status.ts';
import type { TallyKind } from './routing-tables.ts';
import { pickArm } from './segments.ts';
import type { UnitPlace } from './unit-place.ts';

/** What is known about one agent when a run is admitted. */
export interface VersionChoices {
  /** Asked for in the request or pinned in the DAG. */
  readonly explicit?: VersionId;
  /** Decision of the run that this one retries; kept, so that a retry runs what it retries. */
  readonly earlier?: AgentDecision;
  /** The agent's active version. */
  readonly active?: VersionId;
  /** The agent is frozen: everything goes to the active version. */
  readonly frozen?: boolean;
  /** The live rollout of the agent; one that is over is as none. */
  readonly rollout?: RolloutRecord;
  /** The routing unit as it came, for forced units. */
  readonly unit?: string;
  /** Of that unit under the rollout's salt. Absent: the run has no routing unit. */
  readonly place?: UnitPlace;
  /** What the rollout's predicate says; absent: it has none (a predicate without an answer is a no). */
  readonly eligible?: boolean;
  /** ms. */
  readonly now: number;
}

/** The version of an agent for a run, and how the admission is counted under the live rollout. */
export interface VersionDecision {
  readonly decision: AgentDecision;
  /** Absent: no rollout is live, or the run is a retry. */
  readonly tally?: TallyKind;
}

/**
 * The version of one agent for one run, in the order of g.3: explicit, retried run's, frozen, paused, forced, eligible, segments, stable.
 * Pure and total for any record. Undefined: the agent has no version at all.
 */
export const decideVersion = (choices: VersionChoices): VersionDecision | undefined => {
  const rollout =
    choices.rollout === undefined || isTerminalRollout(choices.rollout.status) ? undefined : choices.rollout;
  if (choices.explicit !== undefined) {
    return tallied({ versionId: choices.explicit, source: 'explicit' }, rollout && 'explicit');
  }
  if (choices.earlier !== undefined) {
    const { because: _because, ...kept } = choices.earlier;
    return { decision: { ...kept, source: 'retry' } };
  }
  if (choices.frozen === true) {
    const versionId = choices.active ?? rollout?.stableVersionId;
    return versionId === undefined ? undefined : tallied({ versionId, source: 'frozen' }, rollout && 'frozen');
  }
  if (rollout !== undefined) return routed(rollout, choices);
  return choices.active === undefined ? undefined : { decision: { versionId: choices.active, source: 'active' } };
};

const tallied = (decision: AgentDecision, tally: TallyKind | undefined): VersionDecision =>
  tally === undefined ? { decision } : { decision, tally };

const routed = (rollout: RolloutRecord, choices: VersionChoices): VersionDecision => {
  const { place } = choices;
  const about = {
    rolloutId: rollout.id,
    revision: rollout.revision,
    epoch: rollout.epoch,
    ...(place === undefined ? {} : { position: place.position, unit: place.unit }),
  };
  const stable = (because: 'unrouted' | 'ineligible' | 'paused'): VersionDecision => {
    // A draft does not hold the agent's active version still.
    const versionId =
      rollout.status === 'draft' ? (choices.active ?? rollout.stableVersionId) : rollout.stableVersionId;
    return { decision: { versionId, source: 'stable', ...about, arm: 0, because }, tally: because };
  };
  const toArm = (arm: number, source: 'forced' | 'segments'): VersionDecision => {
    const versionId = rollout.arms[arm]?.versionId;
    const decision: AgentDecision =
      versionId === undefined
        ? { versionId: rollout.stableVersionId, source, ...about, arm: 0 }
        : { versionId, source, ...about, arm };
    return { decision, tally: source === 'forced' ? 'forced' : 'routed' };
  };
  if (rollout.status !== 'active') return stable('paused');
  const forced = forcedArm(rollout, choices);
  if (forced !== undefined) return toArm(forced, 'forced');
  if (choices.eligible === false || (choices.eligible === undefined && rollout.eligibility !== undefined)) {
    return stable('ineligible');
  }
  return place === undefined ? stable('unrouted') : toArm(pickArm(rollout.segments, place.position), 'segments');
};

const forcedArm = (rollout: RolloutRecord, { unit, now }: VersionChoices): number | undefined => {
  if (unit === undefined || rollout.forced.length === 0) return undefined;
  return rollout.forced.find((one) => one.unit === unit && (one.until === undefined || one.until > now))?.arm;
};
