import { DomainError } from '../errors/domain-error.ts';
import type { ForcedRequest } from './new-rollout.ts';
import type { EvidenceSummary, RolloutActor, RolloutEvent, RolloutReason, RolloutRecord } from './rollout-record.ts';
import type { RuleRequest } from './rule-defaults.ts';

/**
 * What can be done to a rollout. `evidence` is that of the decision; it is kept in the record, also beyond its end.
 * `rule`: id of the rule that breached, named in the explanation.
 */
export type RolloutCommand =
  /** draft: exposes the first units. A replay gate must have passed, unless `by.force`. */
  | { readonly type: 'activate' }
  /** draft, active, paused: parts of all arms. Begins the step anew; the plan goes on from the last step that is not above this weight. */
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
  /** active. */
  | {
      readonly type: 'pause';
      readonly reason: RolloutReason;
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
  /** draft with a replay gate: `passed` activates it (unless it waits for a person too), `failed` cancels it. */
  | { readonly type: 'replay'; readonly status: 'passed' | 'failed' }
  /** rolled_back: the run policy is done. The one write to a terminal record; it removes `policyPending` and nothing else. */
  | { readonly type: 'policy_done' };

/** The record and the event of a command: pure. Throws `illegal_transition` where the status does not allow it. */
export const decideRollout = (
  _record: RolloutRecord,
  _command: RolloutCommand,
  _by: RolloutActor,
  _now: number,
): { readonly record: RolloutRecord; readonly event: RolloutEvent } => {
  throw new DomainError('unimplemented', 'not there yet');
};
