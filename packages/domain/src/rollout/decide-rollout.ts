import { DomainError } from '../errors/domain-error.ts';
import type { ForcedRequest } from './new-rollout.ts';
import { applyChange } from './rollout-changes.ts';
import { eventOf } from './rollout-event.ts';
import { type Move, moves } from './rollout-moves.ts';
import type {
  EvidenceSummary,
  RolloutActor,
  RolloutEvent,
  RolloutReason,
  RolloutRecord,
  RolloutStatus,
} from './rollout-record.ts';
import { isTerminalRollout } from './rollout-status.ts';
import type { RuleRequest } from './rule-defaults.ts';
import { routingSegments, stableParts } from './segments.ts';

/**
 * What can be done to a rollout. `evidence` is that of the decision; it is kept in the record, also beyond its end, but for that of `set_weight`.
 * `rule`: id of the rule that breached, named in the explanation.
 */
export type RolloutCommand =
  /** draft: exposes the first units. A replay gate must have passed, unless `by.force`. */
  | { readonly type: 'activate' }
  /** draft, active, paused: parts of all arms. Begins the step anew, unless they are what they were; the plan goes on from the last step that is not above this weight. */
  | { readonly type: 'set_weight'; readonly parts: readonly number[]; readonly evidence?: EvidenceSummary }
  /** draft, active, paused. Rules replace all rules (defaults as at the start). */
  | {
      readonly type: 'change';
      readonly rules?: readonly RuleRequest[];
      readonly forced?: readonly ForcedRequest[];
      readonly onNoData?: RolloutRecord['onNoData'];
      readonly runPolicy?: RolloutRecord['runPolicy'];
    }
  /** active: to the next step. */
  | { readonly type: 'advance'; readonly evidence: EvidenceSummary }
  /** active, paused: a person's word that the step may end. */
  | { readonly type: 'approve' }
  /** active. `detail`: what the reason does not say, in words. */
  | {
      readonly type: 'pause';
      readonly reason: RolloutReason;
      readonly detail?: string;
      readonly rule?: string;
      readonly evidence?: EvidenceSummary;
    }
  /** paused. */
  | { readonly type: 'resume' }
  /** active, paused: `arms[arm]` won. */
  | { readonly type: 'promote'; readonly arm: number; readonly evidence?: EvidenceSummary }
  /** active canary in its last step: the candidate won by the gate. */
  | { readonly type: 'complete'; readonly evidence: EvidenceSummary }
  /** draft, active, paused. */
  | {
      readonly type: 'rollback';
      readonly reason: RolloutReason;
      readonly rule?: string;
      readonly evidence?: EvidenceSummary;
    }
  /** draft, active, paused. */
  | { readonly type: 'cancel'; readonly reason: RolloutReason }
  /** active, paused: a rule that only notifies. */
  | { readonly type: 'breached'; readonly rule: string; readonly evidence: EvidenceSummary }
  /**
   * draft whose replay is over: `passed` activates it (unless it waits for a person too, or `held`: another rollout of the agent was live then),
   * `failed` cancels it, `inconclusive` leaves it to a person.
   */
  | { readonly type: 'replay'; readonly status: 'passed' | 'failed' | 'inconclusive'; readonly held?: boolean }
  /** terminal: what the end left to do is done. The one write to a terminal record; it removes `policyPending` and nothing else. */
  | { readonly type: 'policy_done' };

/** Epochs that a record keeps; changes that raise the exposure are refused a little earlier, so that ends always fit. */
const maxEpochs = 512;
const reservedEpochs = 2;

/** The statuses in which a command is possible. */
const allowed: { readonly [type in RolloutCommand['type']]: readonly RolloutStatus[] } = {
  activate: ['draft'],
  set_weight: ['draft', 'active', 'paused'],
  change: ['draft', 'active', 'paused'],
  advance: ['active'],
  approve: ['active', 'paused'],
  pause: ['active'],
  resume: ['paused'],
  promote: ['active', 'paused'],
  complete: ['active'],
  rollback: ['draft', 'active', 'paused'],
  cancel: ['draft', 'active', 'paused'],
  breached: ['active', 'paused'],
  replay: ['draft'],
  policy_done: ['completed', 'rolled_back', 'cancelled'],
};

/**
 * The record and the event of a command: pure. The revision rises by one (I2), the epoch when routing changes, a pause or a resume among that.
 * Throws `illegal_transition` where status or plan does not allow it (a terminal record never changes, I3), `invalid_argument` or
 * `unprocessable` for what a command carries, the latter also when weights were changed too often.
 */
export const decideRollout = (
  record: RolloutRecord,
  command: RolloutCommand,
  by: RolloutActor,
  now: number,
): { readonly record: RolloutRecord; readonly event: RolloutEvent } => {
  if (!allowed[command.type].includes(record.status)) {
    throw new DomainError('illegal_transition', `a rollout that is ${record.status} takes no ${command.type}`, {
      status: record.status,
      command: command.type,
    });
  }
  const at = Math.max(now, record.updatedAt);
  const move = command.type === 'change' ? applyChange(record, command, by, at) : moveOf(record, command, by, at);
  const evidence = 'evidence' in command ? command.evidence : undefined;
  const isTurn = move.record.status !== record.status;
  const { statusDetail: _before, ...rest } = move.record;
  const detail = command.type === 'pause' ? command.detail : undefined;
  const written: RolloutRecord = {
    ...(isTurn ? rest : move.record),
    ...(isTurn ? { statusActor: by } : {}),
    ...(detail === undefined ? {} : { statusDetail: detail }),
    revision: record.revision + 1,
    updatedAt: at,
    // Who ended it stays known.
    lastActor: command.type === 'policy_done' ? record.lastActor : by,
    // A weight that was set by hand answers no alarm that came up meanwhile: the alarm is still to be given.
    ...(evidence === undefined || command.type === 'set_weight' ? {} : { evidence }),
  };
  const next = withEpoch(record, written, move.raises === true, at);
  const began = next.alphaSpent - record.alphaSpent;
  return {
    record: next,
    event: eventOf(next, move.type, move.reason, by, {
      ...(evidence === undefined ? {} : { evidence }),
      ...(move.rule === undefined ? {} : { rule: move.rule }),
      ...(began > 0 ? { alphaAdded: began } : {}),
    }),
  };
};

const moveOf = (
  record: RolloutRecord,
  command: Exclude<RolloutCommand, { readonly type: 'change' }>,
  by: RolloutActor,
  at: number,
): Move => {
  // The table has one function per command type.
  const move = moves[command.type] as (
    record: RolloutRecord,
    command: RolloutCommand,
    by: RolloutActor,
    at: number,
  ) => Move;
  return move(record, command, by, at);
};

const withEpoch = (before: RolloutRecord, after: RolloutRecord, raises: boolean, at: number): RolloutRecord => {
  const isToggle = (before.status === 'paused') !== (after.status === 'paused') && !isTerminalRollout(after.status);
  if (!isToggle && sameRouting(before, after)) return after;
  if (raises && after.epochs.length >= maxEpochs - reservedEpochs) {
    throw new DomainError('unprocessable', 'the weights were changed too often: start a new rollout', {
      limit: maxEpochs - reservedEpochs,
    });
  }
  const epoch = before.epoch + 1;
  return { ...after, epoch, epochs: [...after.epochs, { epoch, at, parts: routedParts(after) }] };
};

const routedParts = (record: RolloutRecord): readonly number[] =>
  record.status === 'active' || record.status === 'completed'
    ? record.arms.map((arm) => arm.parts)
    : stableParts(record.arms);

const sameRouting = (before: RolloutRecord, after: RolloutRecord): boolean => {
  const [a, b] = [routingSegments(before), routingSegments(after)];
  return (
    a.length === b.length &&
    a.every((segment, index) => {
      const other = b[index];
      return other !== undefined && segment.lo === other.lo && segment.hi === other.hi && segment.arm === other.arm;
    })
  );
};
