import { DomainError } from '../errors/domain-error.ts';
import type { RolloutCommand } from './decide-rollout.ts';
import { promotionStep } from './evidence/step-gate.ts';
import {
  type EvidenceSummary,
  type RolloutActor,
  type RolloutEventType,
  type RolloutReason,
  type RolloutRecord,
  totalParts,
} from './rollout-record.ts';
import { initialSegments, isParts, retarget, stableParts } from './segments.ts';

/** A record after a command, before revision and epoch are set. `raises`: it may expose more units, so it needs room for another epoch. */
export interface Move {
  readonly record: RolloutRecord;
  readonly type: RolloutEventType;
  readonly reason: RolloutReason;
  readonly rule?: string;
  readonly raises?: true;
}

type Command<T extends RolloutCommand['type']> = Extract<RolloutCommand, { readonly type: T }>;

type Moves = {
  readonly [T in Exclude<RolloutCommand['type'], 'change'>]: (
    record: RolloutRecord,
    command: Command<T>,
    by: RolloutActor,
    at: number,
  ) => Move;
};

/** What each command does in a status that allows it. */
export const moves: Moves = {
  activate: (record, _command, by, at) => {
    const gate = record.replayGate;
    if (gate !== undefined && gate.status !== 'passed' && by.force !== true) {
      throw refused(
        record,
        `its replay has not passed: it is ${gate.status}; to start it all the same, use force with a reason`,
      );
    }
    return { record: begun(record, at, 'requested'), type: 'activated', reason: 'requested', raises: true };
  },

  set_weight: (record, { parts, evidence }, _by, at) => {
    if (parts.length !== record.arms.length || !isParts(parts)) {
      throw new DomainError('invalid_argument', `parts must be ${record.arms.length} integers that sum to 2^32`);
    }
    const weighted = reweighed(record, parts);
    const same = record.arms.every((arm, index) => arm.parts === parts[index]);
    return {
      record: same ? weighted : restarted(weighted, stepOfWeight(weighted), at, evidence),
      type: 'weight_set',
      reason: 'requested',
      raises: true,
    };
  },

  advance: (record, { evidence }, _by, at) => {
    const isLower = candidateParts(record) < (record.steps[record.stepIndex]?.parts ?? 0);
    const index = isLower ? record.stepIndex : record.stepIndex + 1;
    const step = record.steps[index];
    if (record.type !== 'canary' || step === undefined) throw refused(record, 'there is no next step');
    requireApproval(record);
    const weighted = reweighed(record, [totalParts - step.parts, step.parts]);
    const moved = restarted(weighted, index, at, evidence);
    return { record: moved, type: 'step_advanced', reason: 'gate_passed', raises: true };
  },

  approve: (record, _command, by, at) => {
    if (record.steps[record.stepIndex]?.gate !== 'approval') throw refused(record, 'its step waits for no approval');
    if (record.stepApproved !== undefined) throw refused(record, 'its step is approved already');
    return { record: { ...record, stepApproved: { by: by.actor, at } }, type: 'approved', reason: 'requested' };
  },

  pause: (record, { reason, rule }) => ({
    record: { ...record, status: 'paused', statusReason: reason },
    type: 'paused',
    reason,
    ...ruled(rule),
  }),

  resume: (record, _command, _by, at) => {
    const paused = at - pausedAtOf(record);
    const horizonAt = record.horizonAt + paused;
    const wholeMs = record.horizonAt - (record.startedAt ?? record.createdAt);
    return {
      record: {
        ...record,
        status: 'active',
        statusReason: 'requested',
        stepStartedAt: record.stepStartedAt + paused,
        // One that was paused because its time was over gets as much again, or it would be paused again at once.
        horizonAt: horizonAt > at ? horizonAt : at + wholeMs,
      },
      type: 'resumed',
      reason: 'requested',
      raises: true,
    };
  },

  promote: (record, { arm }, _by, at) => {
    if (!Number.isInteger(arm) || record.arms[arm] === undefined) {
      throw new DomainError('invalid_argument', 'the winner must be named: it is one of the arms');
    }
    if (record.type === 'canary' && arm === 0) {
      throw new DomainError(
        'invalid_argument',
        'a canary promotes its candidate; to keep the stable version, roll back',
      );
    }
    return { record: won(record, arm, at, 'requested'), type: 'promoted', reason: 'requested' };
  },

  complete: (record, _command, _by, at) => {
    if (record.type !== 'canary') throw refused(record, 'an ab_test ends with an explicit winner');
    if (record.steps.length === 0 || record.stepIndex !== record.steps.length - 1) {
      throw refused(record, 'it is not in its last step');
    }
    requireApproval(record);
    return { record: won(record, 1, at, 'gate_passed'), type: 'completed', reason: 'gate_passed' };
  },

  rollback: (record, { reason, rule }, _by, at) => {
    const ended = ending(record, 'rolled_back', at, reason);
    const hasRuns = record.runPolicy !== 'drain' && record.status !== 'draft';
    return {
      record: hasRuns ? { ...ended, policyPending: true } : ended,
      type: 'rolled_back',
      reason,
      ...ruled(rule),
    };
  },

  cancel: (record, { reason }, _by, at) => ({
    record: ending(record, 'cancelled', at, reason),
    type: 'cancelled',
    reason,
  }),

  breached: (record, { rule }) => {
    const kind = record.rules.find((one) => one.id === rule)?.kind ?? 'regression';
    return { record, type: 'breached', reason: kind, rule };
  },

  replay: (record, { status, held }, _by, at) => {
    const gate = record.replayGate;
    if (gate === undefined || gate.status !== 'running') throw refused(record, 'it waits for no replay');
    const gated = { ...record, replayGate: { ...gate, status } };
    if (status === 'failed') {
      return { record: ending(gated, 'cancelled', at, 'replay_failed'), type: 'cancelled', reason: 'replay_failed' };
    }
    if (status === 'inconclusive') return { record: gated, type: 'changed', reason: 'replay_inconclusive' };
    if (held === true) {
      const ready = { ...gated, replayGate: { ...gated.replayGate, held } } as const;
      return { record: ready, type: 'changed', reason: 'replay_passed' };
    }
    if (gate.manual === true) return { record: gated, type: 'changed', reason: 'replay_passed' };
    return { record: begun(gated, at, 'replay_passed'), type: 'activated', reason: 'replay_passed', raises: true };
  },

  policy_done: (record) => {
    if (record.policyPending !== true) throw refused(record, 'no work of its run policy is left');
    const { policyPending: _done, ...rest } = record;
    return { record: rest, type: 'policy_done', reason: record.statusReason };
  },
};

const refused = (record: RolloutRecord, why: string): DomainError =>
  new DomainError('illegal_transition', `not possible for this rollout: ${why}`, { status: record.status });

const ruled = (rule: string | undefined): { readonly rule?: string } => (rule === undefined ? {} : { rule });

const candidateParts = (record: RolloutRecord): number => totalParts - (record.arms[0]?.parts ?? totalParts);

const requireApproval = (record: RolloutRecord): void => {
  if (record.steps[record.stepIndex]?.gate === 'approval' && record.stepApproved === undefined) {
    throw refused(record, 'its step waits for an approval');
  }
};

const begun = (record: RolloutRecord, at: number, reason: RolloutReason): RolloutRecord => ({
  ...record,
  status: 'active',
  statusReason: reason,
  startedAt: at,
  stepStartedAt: at,
  stepStartUnits: 0,
  horizonAt: record.horizonAt + at - record.createdAt,
});

/** A canary's segments are a function of its weight alone; those of an experiment move as little as possible. */
const reweighed = (record: RolloutRecord, parts: readonly number[]): RolloutRecord => ({
  ...record,
  arms: record.arms.map((arm, index) => ({ ...arm, parts: parts[index] ?? 0 })),
  segments: record.arms.length === 2 ? initialSegments(parts) : retarget(record.segments, parts),
});

/**
 * The last step of the plan that is not above the candidate's weight: where a plan goes on after a weight that was set by hand. Never behind the
 * step that only a passed promotion test leaves: a weight is no evidence.
 */
const stepOfWeight = (record: RolloutRecord): number => {
  const reached = record.steps.findLastIndex((step) => step.parts <= candidateParts(record));
  return Math.max(0, Math.min(reached, promotionStep(record)));
};

/** A step begins: its clock, its count of units and its approval. While paused the clock stands where the pause began. */
const restarted = (
  record: RolloutRecord,
  stepIndex: number,
  at: number,
  evidence: EvidenceSummary | undefined,
): RolloutRecord => {
  const { stepApproved: _before, ...rest } = record;
  const known = evidence ?? record.evidence;
  const counted = known?.units.slice(1).reduce((sum, units) => sum + units, 0);
  return {
    ...rest,
    stepIndex,
    stepStartedAt: record.status === 'paused' ? pausedAtOf(record) : at,
    stepStartUnits: counted ?? record.stepStartUnits,
  };
};

/** A pause begins an epoch, and none begins while it lasts. */
const pausedAtOf = (record: RolloutRecord): number => record.epochs.at(-1)?.at ?? record.updatedAt;

/** Copies of a memory that the end leaves to settle; a draft had none. */
const memoryPending = ({ memory, status }: RolloutRecord): { readonly policyPending?: true } =>
  memory.mode === 'forked' && status !== 'draft' ? { policyPending: true } : {};

const ending = (
  record: RolloutRecord,
  status: 'rolled_back' | 'cancelled',
  at: number,
  reason: RolloutReason,
): RolloutRecord => {
  const parts = stableParts(record.arms);
  return {
    ...record,
    arms: record.arms.map((arm, index) => ({ ...arm, parts: parts[index] ?? 0 })),
    segments: initialSegments(parts),
    status,
    statusReason: reason,
    completedAt: at,
    ...memoryPending(record),
  };
};

const won = (record: RolloutRecord, winner: number, at: number, reason: RolloutReason): RolloutRecord => {
  const parts = record.arms.map((_, arm) => (arm === winner ? totalParts : 0));
  return {
    ...record,
    arms: record.arms.map((arm, index) => ({ ...arm, parts: parts[index] ?? 0 })),
    segments: initialSegments(parts),
    status: 'completed',
    statusReason: reason,
    completedAt: at,
    winner,
    ...memoryPending(record),
  };
};
