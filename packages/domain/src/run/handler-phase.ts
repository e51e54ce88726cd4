import { handlerStepId } from '../dag/dag.ts';
import type { StepId } from '../identity/ids.ts';
import type { RunState } from './run-state.ts';
import { isSettledStep } from './run-status.ts';
import { dependencyVerdict } from './step-tolerance.ts';

/*
 * A run goes through three phases: `@init`, the graph, and, once `run_closing` is recorded, the handler of the outcome and then `@exit`.
 * H1 No step of the graph begins before `@init` is settled, and none at all unless it let the graph go on.
 * H2 In the closing phase one handler at most is open.
 * H3 A cancel stops the phases before closing, or, requested in it, the handlers; never both.
 */

/** Id of the handler that runs before the graph. */
export const initId: StepId = handlerStepId('init');

const outcomeHandlers = { succeeded: 'success', failed: 'failure', cancelled: 'abort' } as const;

const isOpen = (state: RunState, id: StepId): boolean => {
  const step = state.steps.get(id);
  return step !== undefined && !isSettledStep(step.status);
};

/**
 * True when what is open now is to be stopped: nothing more is leased or called, and what is held is told to stop. A request from before
 * the closing phase does not concern handlers (H3).
 */
export const isStopping = (state: RunState): boolean =>
  state.closing === undefined ? state.cancel !== undefined : state.closing.cancel !== undefined;

/** True while `@init` is not settled (H1). */
export const isInitOpen = (state: RunState): boolean => isOpen(state, initId);

/** True when `@init` is settled and forbids the graph to run (H1). */
export const initForbids = (state: RunState): boolean => {
  const init = state.steps.get(initId);
  const definition = state.graph.byId.get(initId);
  if (init === undefined || definition === undefined || !isSettledStep(init.status)) return false;
  return dependencyVerdict(definition, init) !== 'go';
};

/** The handlers that follow a run that ends so, in order: that of the outcome, then `@exit`, as far as the DAG has them. */
export const closingHandlers = (state: RunState, status: 'succeeded' | 'failed' | 'cancelled'): readonly StepId[] =>
  [handlerStepId(outcomeHandlers[status]), handlerStepId('exit')].filter((id) => state.steps.has(id));

/** The handler whose turn it is, or undefined when none is open. */
export const currentHandler = (state: RunState): StepId | undefined => {
  if (state.closing !== undefined) return closingHandlers(state, state.closing.status).find((id) => isOpen(state, id));
  return isInitOpen(state) ? initId : undefined;
};
