import { closeProgress } from '../checkpoint/progress.ts';
import { isHandlerId } from '../dag/dag.ts';
import type { ErrorData } from '../errors/domain-error.ts';
import { dropWait } from '../wait/hold-wait.ts';
import { currentHandler, initForbids, isInitOpen, isStopping } from './handler-phase.ts';
import type { RunState, StepState } from './run-state.ts';
import { isSettledStep } from './run-status.ts';
import { dependencyVerdict } from './step-tolerance.ts';

type Settled = 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** Error of a fan-out step: how many items failed, and the first of them. */
const fanoutError = (step: StepState): ErrorData => {
  const fanout = step.fanout;
  const first = fanout?.states.find((item) => item.status === 'failed');
  const cause = first?.error;
  return {
    code: cause?.code ?? 'internal',
    message: `${fanout?.failed ?? 0} of ${fanout?.states.length ?? 0} items failed; first ${first?.path ?? ''}: ${cause?.message ?? ''}`,
  };
};

/** Marks a dependant as ready once all its dependencies are settled in its favour; the planner skips it otherwise. */
export const openDependants = (state: RunState, step: StepState): void => {
  for (const id of state.graph.dependants.get(step.path) ?? []) {
    const dependant = state.steps.get(id);
    if (dependant === undefined || isSettledStep(dependant.status)) continue;
    dependant.openDependencies -= 1;
    if (dependant.openDependencies === 0) enterFrontier(state, dependant);
  }
};

/** True when every dependency of the step is settled and none forbids it to run, nor does `@init`. */
export const mayRun = (state: RunState, step: StepState): boolean => {
  if (initForbids(state)) return false;
  for (const id of state.graph.byId.get(step.path)?.depends ?? []) {
    const definition = state.graph.byId.get(id);
    const dependency = state.steps.get(id);
    if (definition === undefined || dependency === undefined) return false;
    if (dependencyVerdict(definition, dependency) !== 'go') return false;
  }
  return true;
};

/** Puts an unsettled step of the graph with no open dependency before the planner, if the run was admitted and `@init` is settled (H1). */
export const enterFrontier = (state: RunState, step: StepState): void => {
  if (state.status === 'queued' || isSettledStep(step.status) || isInitOpen(state)) return;
  if (step.status === 'pending' && step.fanout === undefined && mayRun(state, step)) step.status = 'ready';
  state.frontier.add(step.path);
};

/** Lets the graph begin: all its steps that wait for nothing. */
export const openGraph = (state: RunState): void => {
  for (const step of state.steps.values()) {
    if (!isHandlerId(step.path) && step.openDependencies === 0) enterFrontier(state, step);
  }
};

/** Puts the handler whose turn it is before the planner; when handlers are being stopped, settles it and those after it as cancelled. */
export const openHandler = (state: RunState, at: number): void => {
  const step = state.steps.get(currentHandler(state) ?? '');
  if (step === undefined) return;
  if (isStopping(state)) {
    settleStep(state, step, 'cancelled', at);
    return;
  }
  step.status = 'ready';
  state.frontier.add(step.path);
};

/** Settles a step and tells its dependants; with a handler, what it held back may begin. */
export const settleStep = (state: RunState, step: StepState, status: Settled, at: number): void => {
  step.status = status;
  step.finishedAt = at;
  delete step.notBefore;
  dropWait(state, step);
  closeProgress(step.progress);
  state.frontier.delete(step.path);
  if (!isHandlerId(step.path)) {
    state.openSteps -= 1;
    openDependants(state, step);
  } else if (state.closing === undefined) {
    openGraph(state);
  } else {
    openHandler(state, at);
  }
};

/** Settles one item, and the fan-out step with its last item. */
export const settleItem = (
  state: RunState,
  step: StepState,
  item: StepState,
  index: number,
  status: Settled,
  at: number,
): void => {
  const fanout = step.fanout;
  if (fanout === undefined) return;
  item.status = status;
  item.finishedAt = at;
  delete item.notBefore;
  dropWait(state, item);
  closeProgress(item.progress);
  fanout.again.delete(index);
  fanout.open -= 1;
  if (status === 'failed') fanout.failed += 1;
  if (fanout.open > 0 || isSettledStep(step.status)) return;
  settleFanout(state, step, at);
};

/** Settles a fan-out step whose items are all settled. */
export const settleFanout = (state: RunState, step: StepState, at: number): void => {
  const fanout = step.fanout;
  if (fanout === undefined) return;
  if (fanout.failed > 0) {
    step.error = fanoutError(step);
    settleStep(state, step, 'failed', at);
  } else if (state.cancel !== undefined && fanout.states.some((item) => item.status === 'cancelled')) {
    settleStep(state, step, 'cancelled', at);
  } else {
    settleStep(state, step, 'succeeded', at);
  }
};
