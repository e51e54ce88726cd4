import { isHandlerId } from '../dag/dag.ts';
import { itemPath } from '../identity/ids.ts';
import { refreshWaiting } from '../wait/hold-wait.ts';
import { createStepState, findTarget } from './create-run-state.ts';
import { evolveCheckpoint } from './decide-checkpoint.ts';
import { evolveMessage } from './decide-message.ts';
import { evolveMigrated } from './decide-migrate.ts';
import { evolveWait } from './decide-wait.ts';
import { currentHandler, initId, isInitOpen, isStopping } from './handler-phase.ts';
import { applyResult, giveSlotBack, keepResult, requeue, settleTarget, takeSlot } from './hold-target.ts';
import type { RunFact } from './run-fact.ts';
import type { CancelState, RunState, StepState } from './run-state.ts';
import { isSettledStep } from './run-status.ts';
import { openGraph, openHandler, settleFanout, settleItem, settleStep } from './settle-step.ts';
import { smallerTimeout } from './smaller-timeout.ts';
import { noteLoss } from './worker-loss.ts';

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;

const onSubmitted = (state: RunState, fact: FactOf<'run_submitted'>): void => {
  state.dagDigest = fact.dagDigest;
  state.params = fact.params;
  if (fact.paramsRef !== undefined) state.paramsRef = fact.paramsRef;
  state.routingContext = fact.routingContext;
  state.priority = fact.priority;
  state.source = fact.source;
  const timeoutMs = smallerTimeout(fact.timeoutMs, state.dag.timeoutMs);
  if (timeoutMs !== undefined) state.timeoutMs = timeoutMs;
  if (fact.untrustedInput !== undefined) state.untrustedInput = fact.untrustedInput;
  if (fact.traceparent !== undefined) state.traceparent = fact.traceparent;
  state.createdAt = fact.at;
};

const onAdmitted = (state: RunState, fact: FactOf<'run_admitted'>): void => {
  state.status = 'running';
  state.startedAt = fact.at;
  state.agents = fact.agents;
  if (fact.snapshotDigest !== undefined) state.snapshotDigest = fact.snapshotDigest;
  if (fact.calls !== undefined) state.calls = fact.calls;
  if (fact.memory !== undefined) state.memory = fact.memory;
  if (isInitOpen(state)) openHandler(state, fact.at);
  else openGraph(state);
};

const onKept = (state: RunState, fact: FactOf<'step_kept'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { target } = found;
  keepResult(target, fact.result);
  target.attempt = fact.attempt;
  if (fact.workerId !== undefined) target.workerId = fact.workerId;
  settleTarget(state, found, 'succeeded', fact.at);
};

/** Items of a later round go on with the numbers of attempts, which name logs. */
const laterRound = ({ attempt, round }: StepState): Partial<StepState> =>
  round === undefined ? {} : { round, attempt, attemptStarted: attempt > 0 };

const onExpanded = (state: RunState, fact: FactOf<'fanout_expanded'>): void => {
  const step = state.steps.get(fact.step);
  if (step === undefined || step.fanout !== undefined) return;
  const states: StepState[] = [];
  for (let index = 0; index < fact.count; index += 1)
    states.push({ ...createStepState(itemPath(fact.step, index), 0), status: 'ready', ...laterRound(step) });
  step.fanout = { items: fact.items, states, next: 0, again: new Set(), open: fact.count, leased: 0, failed: 0 };
  step.status = 'running';
  step.startedAt = fact.at;
  if (fact.count === 0) settleFanout(state, step, fact.at);
};

const onLeased = (state: RunState, fact: FactOf<'step_leased'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { target } = found;
  target.status = 'running';
  target.attempt = fact.attempt;
  target.attemptStarted = false;
  target.workerId = fact.workerId;
  target.lease = { token: state.seq, workerId: fact.workerId, sessionId: fact.sessionId, leasedAt: fact.at };
  delete target.notBefore;
  takeSlot(state, found);
};

const onFinished = (state: RunState, fact: FactOf<'step_finished'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  found.target.unstartedLosses = 0;
  found.target.startedAt = fact.startedAt;
  found.target.resultToken = fact.token;
  applyResult(state, found, fact);
};

const onLost = (state: RunState, fact: FactOf<'step_lost'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { target } = found;
  giveSlotBack(state, found);
  // An attempt that has a message to read yet goes on; it is no other one.
  const goesOn = fact.reason === 'unread_message';
  target.attemptStarted = fact.started && !goesOn;
  if (goesOn) target.unreadReturns = (target.unreadReturns ?? 0) + 1;
  noteLoss(target, fact, fact.at);
  if (fact.error !== undefined) {
    target.error = fact.error;
    if (fact.deadLetter !== undefined) target.deadLetter = fact.deadLetter;
    settleTarget(state, found, 'failed', fact.at);
  } else if (isStopping(state)) {
    settleTarget(state, found, 'cancelled', fact.at);
  } else if (fact.retryAt !== undefined) {
    target.notBefore = fact.retryAt;
    requeue(state, found, 'retrying');
  } else {
    requeue(state, found, 'ready');
  }
};

const onCalled = (state: RunState, fact: FactOf<'step_called'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { target } = found;
  const { childRunId, dag, dagDigest } = fact;
  target.status = 'waiting';
  target.attempt = fact.attempt;
  target.attemptStarted = false;
  target.startedAt = fact.at;
  target.call = { childRunId, dag, dagDigest, calledAt: fact.at };
  target.childRunId = childRunId;
  delete target.notBefore;
  takeSlot(state, found);
};

const onReturned = (state: RunState, fact: FactOf<'step_returned'>): void => {
  const found = findTarget(state, fact.step);
  if (found?.target.call?.childRunId !== fact.childRunId) return;
  applyResult(state, found, fact);
};

const onSecretReleased = (state: RunState, fact: FactOf<'secret_released'>): void => {
  const lease = findTarget(state, fact.step)?.target.lease;
  if (lease === undefined || lease.token !== fact.token) return;
  lease.released = [...(lease.released ?? []), fact.secret];
};

const isHeld = (target: StepState): boolean => target.lease !== undefined || target.call !== undefined;

/** Settles a step that nobody holds, and leaves a held one to the planner, which has it stopped. */
const cancelStep = (state: RunState, step: StepState, at: number): void => {
  if (isSettledStep(step.status)) return;
  if (step.fanout === undefined) {
    if (isHeld(step)) state.frontier.add(step.path);
    else settleStep(state, step, 'cancelled', at);
    return;
  }
  state.frontier.add(step.path);
  step.fanout.states.forEach((item, index) => {
    if (!isSettledStep(item.status) && !isHeld(item)) settleItem(state, step, item, index, 'cancelled', at);
  });
};

/** Everything that nobody holds is cancelled with the request; held tasks and children are told to stop and settle by their result. */
const onCancelRequested = (state: RunState, fact: FactOf<'cancel_requested'>): void => {
  const { at, by, reason, message } = fact;
  const cancel: CancelState = message === undefined ? { at, by, reason } : { at, by, reason, message };
  if (state.closing !== undefined) {
    const current = state.steps.get(currentHandler(state) ?? '');
    state.closing = { ...state.closing, cancel };
    if (current !== undefined) cancelStep(state, current, at);
    return;
  }
  state.cancel = cancel;
  for (const step of state.steps.values()) {
    if (!isHandlerId(step.path) || step.path === initId) cancelStep(state, step, at);
  }
};

const onClosing = (state: RunState, fact: FactOf<'run_closing'>): void => {
  const { status, partial, error } = fact;
  state.closing = error === undefined ? { status, partial } : { status, partial, error };
  openHandler(state, fact.at);
};

const onRunFinished = (state: RunState, fact: FactOf<'run_finished'>): void => {
  for (const step of state.steps.values()) {
    const applies = !isHandlerId(step.path) || step.path === initId;
    if (applies && !isSettledStep(step.status)) settleStep(state, step, 'cancelled', fact.at);
  }
  state.status = fact.status;
  state.finishedAt = fact.at;
  state.partial = fact.partial;
  if (fact.error !== undefined) state.error = fact.error;
  state.frontier.clear();
};

const onStepFailed = (state: RunState, fact: FactOf<'step_failed'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  found.target.error = fact.error;
  settleTarget(state, found, 'failed', fact.at);
};

const onSkipped = (state: RunState, fact: FactOf<'step_skipped'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  found.target.skipReason = fact.reason;
  settleTarget(state, found, 'skipped', fact.at);
};

/**
 * Applies one fact, in place, and returns the same state. Total: a fact that `decide` or `planRun` made always applies;
 * facts of a log must be applied in order, each once.
 */
export const evolve = (state: RunState, fact: RunFact): RunState => {
  state.seq += 1;
  switch (fact.type) {
    case 'run_submitted':
      onSubmitted(state, fact);
      break;
    case 'run_admitted':
      onAdmitted(state, fact);
      break;
    case 'run_migrated':
      evolveMigrated(state, fact);
      break;
    case 'step_kept':
      onKept(state, fact);
      break;
    case 'fanout_expanded':
      onExpanded(state, fact);
      break;
    case 'step_leased':
      onLeased(state, fact);
      break;
    case 'step_finished':
      onFinished(state, fact);
      break;
    case 'step_lost':
      onLost(state, fact);
      break;
    case 'step_failed':
      onStepFailed(state, fact);
      break;
    case 'step_called':
      onCalled(state, fact);
      break;
    case 'step_returned':
      onReturned(state, fact);
      break;
    case 'secret_released':
      onSecretReleased(state, fact);
      break;
    case 'turn_planned':
    case 'tool_done':
    case 'agent_restarted':
    case 'message_replied':
      evolveCheckpoint(state, fact);
      break;
    case 'message_accepted':
    case 'message_ended':
      evolveMessage(state, fact);
      break;
    case 'step_waiting':
    case 'step_answered':
    case 'step_pushed_back':
      evolveWait(state, fact);
      break;
    case 'step_skipped':
      onSkipped(state, fact);
      break;
    case 'cancel_requested':
      onCancelRequested(state, fact);
      break;
    case 'run_closing':
      onClosing(state, fact);
      break;
    case 'run_finished':
      onRunFinished(state, fact);
      break;
  }
  refreshWaiting(state);
  return state;
};

/** Folds facts into a state, in order. */
export const evolveAll = (state: RunState, facts: readonly RunFact[]): RunState => {
  for (const fact of facts) evolve(state, fact);
  return state;
};
