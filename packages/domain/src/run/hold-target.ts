import { beginsAnew } from './begins-anew.ts';
import { dropTranscript } from './decide-checkpoint.ts';
import type { RecordedResult } from './run-fact.ts';
import type { FanoutState, RunState, StepState } from './run-state.ts';
import { isSettledStep } from './run-status.ts';
import { settleItem, settleStep } from './settle-step.ts';

/** What a path names: a step, or an item with the step that it belongs to. `findTarget` makes it. */
export interface Target {
  readonly step: StepState;
  readonly target: StepState;
  /** Set for an item. */
  readonly index?: number;
}

type Settled = 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** Settles whatever a path named; nothing if it is settled already. */
export const settleTarget = (state: RunState, found: Target, status: Settled, at: number): void => {
  if (isSettledStep(found.target.status)) return;
  if (found.index === undefined) settleStep(state, found.target, status, at);
  else settleItem(state, found.step, found.target, found.index, status, at);
};

/** The item is no longer among those that may begin. */
const passItem = (fanout: FanoutState, index: number): void => {
  fanout.again.delete(index);
  for (; fanout.next <= index; fanout.next += 1) {
    if (fanout.states[fanout.next]?.status === 'ready') fanout.again.add(fanout.next);
  }
};

/** Counts a lease or a call that was just set on the target, and takes it from before the planner. */
export const takeSlot = (state: RunState, { step, index }: Target): void => {
  state.leases += 1;
  const { fanout } = step;
  if (index === undefined || fanout === undefined) {
    state.frontier.delete(step.path);
    return;
  }
  fanout.leased += 1;
  passItem(fanout, index);
};

/** Takes a target that waits from before the planner; a fan-out with its last item that may begin. It takes no slot. */
export const takeFromPlanner = (state: RunState, { step, index }: Target): void => {
  const { fanout } = step;
  if (index !== undefined && fanout !== undefined) {
    passItem(fanout, index);
    if (fanout.again.size > 0 || fanout.next < fanout.states.length) return;
  }
  state.frontier.delete(step.path);
};

/** Takes the lease, or the call, from a target and gives its slot back. */
export const giveSlotBack = (state: RunState, { step, target }: Target): void => {
  if (target.lease === undefined && target.call === undefined) return;
  delete target.lease;
  delete target.call;
  state.leases -= 1;
  if (step !== target && step.fanout !== undefined) step.fanout.leased -= 1;
};

/** Puts a target that is held no more before the planner again. */
export const requeue = (state: RunState, { step, target, index }: Target, status: 'ready' | 'retrying'): void => {
  target.status = status;
  if (index !== undefined) step.fanout?.again.add(index);
  state.frontier.add(step.path);
};

/** Notes a result on its target. */
export const keepResult = (target: StepState, result: RecordedResult): void => {
  target.result = result;
  if (result.outcome.status === 'failed') target.error = result.outcome.error;
  else delete target.error;
};

/** What an attempt that ended means for its target: settled, or another attempt not before `retryAt`. */
export const applyResult = (
  state: RunState,
  found: Target,
  ended: { readonly at: number; readonly result: RecordedResult; readonly retryAt?: number },
): void => {
  const { target } = found;
  giveSlotBack(state, found);
  target.attemptStarted = true;
  keepResult(target, ended.result);
  const { outcome } = ended.result;
  switch (outcome.status) {
    case 'failed':
      target.failures += 1;
      if (ended.retryAt !== undefined) {
        target.notBefore = ended.retryAt;
        if (beginsAnew(ended)) dropTranscript(state, target, ended.at);
        requeue(state, found, 'retrying');
        return;
      }
      break;
    case 'skipped':
      target.skipReason = 'precondition_not_met';
      break;
    case 'succeeded':
    case 'cancelled':
      break;
    case 'released':
      target.attemptStarted = false;
      requeue(state, found, 'ready');
      return;
  }
  settleTarget(state, found, outcome.status, ended.at);
};
