import type { StepPath } from '../identity/ids.ts';
import { itemPath } from '../identity/ids.ts';
import { createStepState, findTarget } from './create-run-state.ts';
import type { RecordedResult, RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';
import { isSettledStep } from './run-status.ts';
import { enterFrontier, settleFanout, settleItem, settleStep } from './settle-step.ts';
import { countsAsLoss } from './worker-loss.ts';

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;
type Settled = 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** Settles whatever the path names. */
const settlePath = (state: RunState, path: StepPath, status: Settled, at: number): void => {
  const found = findTarget(state, path);
  if (found === undefined || isSettledStep(found.target.status)) return;
  if (found.index === undefined) settleStep(state, found.target, status, at);
  else settleItem(state, found.step, found.target, found.index, status, at);
};

/** Takes the lease from a target and gives its slot back. */
const dropLease = (state: RunState, step: StepState, target: StepState): void => {
  if (target.lease === undefined) return;
  delete target.lease;
  state.leases -= 1;
  if (step !== target && step.fanout !== undefined) step.fanout.leased -= 1;
};

/** Puts a target that lost its lease before the planner again. */
const requeue = (
  state: RunState,
  step: StepState,
  target: StepState,
  index: number | undefined,
  status: 'ready' | 'retrying',
): void => {
  target.status = status;
  if (index !== undefined) step.fanout?.again.add(index);
  state.frontier.add(step.path);
};

const keepResult = (target: StepState, result: RecordedResult): void => {
  target.result = result;
  if (result.outcome.status === 'failed') target.error = result.outcome.error;
  else delete target.error;
};

const onSubmitted = (state: RunState, fact: FactOf<'run_submitted'>): void => {
  state.dagDigest = fact.dagDigest;
  state.params = fact.params;
  if (fact.paramsRef !== undefined) state.paramsRef = fact.paramsRef;
  state.routingContext = fact.routingContext;
  state.priority = fact.priority;
  state.source = fact.source;
  state.createdAt = fact.at;
};

const onAdmitted = (state: RunState, fact: FactOf<'run_admitted'>): void => {
  state.status = 'running';
  state.startedAt = fact.at;
  state.agents = fact.agents;
  if (fact.snapshotDigest !== undefined) state.snapshotDigest = fact.snapshotDigest;
  for (const step of state.steps.values()) {
    if (step.openDependencies === 0) enterFrontier(state, step);
  }
};

const onKept = (state: RunState, fact: FactOf<'step_kept'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { target } = found;
  keepResult(target, fact.result);
  target.attempt = fact.attempt;
  if (fact.workerId !== undefined) target.workerId = fact.workerId;
  settlePath(state, fact.step, 'succeeded', fact.at);
};

const onExpanded = (state: RunState, fact: FactOf<'fanout_expanded'>): void => {
  const step = state.steps.get(fact.step);
  if (step === undefined || step.fanout !== undefined) return;
  const states: StepState[] = [];
  for (let index = 0; index < fact.count; index += 1)
    states.push({ ...createStepState(itemPath(fact.step, index), 0), status: 'ready' });
  step.fanout = { items: fact.items, states, next: 0, again: new Set(), open: fact.count, leased: 0, failed: 0 };
  step.status = 'running';
  step.startedAt = fact.at;
  if (fact.count === 0) settleFanout(state, step, fact.at);
};

const onLeased = (state: RunState, fact: FactOf<'step_leased'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { step, target, index } = found;
  target.status = 'running';
  target.attempt = fact.attempt;
  target.attemptStarted = false;
  target.workerId = fact.workerId;
  target.lease = { token: state.seq, workerId: fact.workerId, sessionId: fact.sessionId, leasedAt: fact.at };
  delete target.notBefore;
  state.leases += 1;
  if (index === undefined || step.fanout === undefined) {
    state.frontier.delete(step.path);
    return;
  }
  step.fanout.leased += 1;
  step.fanout.again.delete(index);
  for (; step.fanout.next <= index; step.fanout.next += 1) {
    if (step.fanout.states[step.fanout.next]?.status === 'ready') step.fanout.again.add(step.fanout.next);
  }
};

const onFinished = (state: RunState, fact: FactOf<'step_finished'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { step, target, index } = found;
  dropLease(state, step, target);
  target.attemptStarted = true;
  target.unstartedLosses = 0;
  target.startedAt = fact.startedAt;
  target.resultToken = fact.token;
  keepResult(target, fact.result);
  const { outcome } = fact.result;
  switch (outcome.status) {
    case 'failed':
      target.failures += 1;
      if (fact.retryAt !== undefined) {
        target.notBefore = fact.retryAt;
        requeue(state, step, target, index, 'retrying');
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
      requeue(state, step, target, index, 'ready');
      return;
  }
  settlePath(state, fact.step, outcome.status, fact.at);
};

const onLost = (state: RunState, fact: FactOf<'step_lost'>): void => {
  const found = findTarget(state, fact.step);
  if (found === undefined) return;
  const { step, target, index } = found;
  dropLease(state, step, target);
  target.attemptStarted = fact.started;
  if (fact.started) target.unstartedLosses = 0;
  if (countsAsLoss(fact.reason)) target[fact.started ? 'losses' : 'unstartedLosses'] += 1;
  if (fact.error !== undefined) {
    target.error = fact.error;
    settlePath(state, fact.step, 'failed', fact.at);
  } else if (state.cancel !== undefined) {
    settlePath(state, fact.step, 'cancelled', fact.at);
  } else {
    requeue(state, step, target, index, 'ready');
  }
};

/** Everything that no worker holds is cancelled with the request; held tasks are told to stop and settle by their result. */
const onCancelRequested = (state: RunState, fact: FactOf<'cancel_requested'>): void => {
  state.cancel =
    fact.message === undefined
      ? { at: fact.at, by: fact.by, reason: fact.reason }
      : { at: fact.at, by: fact.by, reason: fact.reason, message: fact.message };
  for (const step of state.steps.values()) {
    if (isSettledStep(step.status)) continue;
    if (step.fanout === undefined) {
      if (step.lease === undefined) settleStep(state, step, 'cancelled', fact.at);
      else state.frontier.add(step.path);
      continue;
    }
    state.frontier.add(step.path);
    step.fanout.states.forEach((item, index) => {
      if (!isSettledStep(item.status) && item.lease === undefined)
        settleItem(state, step, item, index, 'cancelled', fact.at);
    });
  }
};

const onRunFinished = (state: RunState, fact: FactOf<'run_finished'>): void => {
  for (const step of state.steps.values()) {
    if (!isSettledStep(step.status)) settleStep(state, step, 'cancelled', fact.at);
  }
  state.status = fact.status;
  state.finishedAt = fact.at;
  state.partial = fact.partial;
  if (fact.error !== undefined) state.error = fact.error;
  state.frontier.clear();
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
    case 'step_failed': {
      const found = findTarget(state, fact.step);
      if (found !== undefined) found.target.error = fact.error;
      settlePath(state, fact.step, 'failed', fact.at);
      break;
    }
    case 'step_skipped': {
      const found = findTarget(state, fact.step);
      if (found !== undefined) found.target.skipReason = fact.reason;
      settlePath(state, fact.step, 'skipped', fact.at);
      break;
    }
    case 'cancel_requested':
      onCancelRequested(state, fact);
      break;
    case 'run_finished':
      onRunFinished(state, fact);
      break;
  }
  return state;
};

/** Folds facts into a state, in order. */
export const evolveAll = (state: RunState, facts: readonly RunFact[]): RunState => {
  for (const fact of facts) evolve(state, fact);
  return state;
};
