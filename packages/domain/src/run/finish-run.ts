import { handlerStepId, isHandlerId } from '../dag/dag.ts';
import type { ErrorData } from '../errors/domain-error.ts';
import { closingHandlers, initForbids, initId } from './handler-phase.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';
import { isTolerated } from './step-tolerance.ts';

type RunFinished = Extract<RunFact, { readonly type: 'run_finished' }>;
type RunClosing = Extract<RunFact, { readonly type: 'run_closing' }>;

/** How a run ends. */
type Outcome = Pick<RunFinished, 'partial' | 'status' | 'error'>;

const timeoutError = (state: RunState): ErrorData => ({
  code: 'deadline_exceeded',
  message: `the run took longer than its timeout of ${(state.timeoutMs ?? 0) / 1000} s`,
});

const stepError = (path: string, error: ErrorData | undefined): ErrorData => ({
  code: error?.code ?? 'internal',
  message: `step ${path} failed: ${error?.message ?? 'no reason recorded'}`,
  details: { step: path },
});

const handlerError = (step: StepState): ErrorData => {
  const name = step.path.slice(handlerStepId('init').indexOf('init'));
  const { error, status } = step;
  const why = error?.message ?? (status === 'skipped' ? 'it was skipped' : 'no reason recorded');
  return {
    code: error?.code ?? (status === 'skipped' ? 'unprocessable' : 'internal'),
    message: `handler failure: ${name}: ${why}`,
    details: { step: step.path },
  };
};

/** The outcome of a run whose graph and `@init` are settled; handlers that follow are not looked at. */
const outcomeOf = (state: RunState): Outcome => {
  let cancelled = false;
  let partial = false;
  let error: ErrorData | undefined;
  const init = state.steps.get(initId);
  if (init !== undefined && init.status !== 'cancelled' && initForbids(state)) error = handlerError(init);
  for (const [id, step] of state.steps) {
    const definition = state.graph.byId.get(id);
    if (definition === undefined || (isHandlerId(id) && id !== initId)) continue;
    if (step.status === 'cancelled') cancelled = true;
    if (step.status !== 'failed') continue;
    if (isTolerated(definition, step)) partial ||= !definition.continueOn.markSuccess;
    else error ??= stepError(id, step.error);
  }
  if (cancelled && state.cancel?.reason === 'timeout') return { partial, status: 'failed', error: timeoutError(state) };
  if (cancelled) return { partial, status: 'cancelled' };
  return error === undefined ? { partial, status: 'succeeded' } : { partial, status: 'failed', error };
};

/** The recorded outcome, or what its handlers made of it: an untolerated failure of one lets a run that had succeeded fail. */
const outcomeAfterHandlers = (state: RunState, closing: NonNullable<RunState['closing']>): Outcome => {
  let { partial } = closing;
  let error: ErrorData | undefined;
  for (const id of closingHandlers(state, closing.status)) {
    const step = state.steps.get(id);
    const definition = state.graph.byId.get(id);
    if (step?.status !== 'failed' || definition === undefined) continue;
    if (isTolerated(definition, step)) partial ||= !definition.continueOn.markSuccess;
    else error ??= handlerError(step);
  }
  if (closing.status === 'succeeded' && error !== undefined) return { partial, status: 'failed', error };
  return closing.error === undefined
    ? { partial, status: closing.status }
    : { partial, status: closing.status, error: closing.error };
};

/** How a run ends whose steps, and handlers, are all settled. */
export const finishRun = (state: RunState, now: number): RunFinished => {
  const outcome = state.closing === undefined ? outcomeOf(state) : outcomeAfterHandlers(state, state.closing);
  return { type: 'run_finished', v: 1, at: now, ...outcome };
};

/** What follows when the graph and `@init` are settled: the handlers of the outcome, or, without any, the end. */
export const closeRun = (state: RunState, now: number): RunClosing | RunFinished => {
  const outcome = outcomeOf(state);
  const hasHandlers = closingHandlers(state, outcome.status).length > 0;
  return { type: hasHandlers ? 'run_closing' : 'run_finished', v: 1, at: now, ...outcome };
};
