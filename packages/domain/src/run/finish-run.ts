import type { ErrorData } from '../errors/domain-error.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState } from './run-state.ts';
import { isTolerated } from './step-tolerance.ts';

type RunFinished = Extract<RunFact, { readonly type: 'run_finished' }>;

const timeoutError = (state: RunState): ErrorData => ({
  code: 'deadline_exceeded',
  message: `the run took longer than its timeout of ${(state.dag.timeoutMs ?? 0) / 1000} s`,
});

const stepError = (path: string, error: ErrorData | undefined): ErrorData => ({
  code: error?.code ?? 'internal',
  message: `step ${path} failed: ${error?.message ?? 'no reason recorded'}`,
  details: { step: path },
});

/** How a run ends whose steps are all settled. */
export const finishRun = (state: RunState, now: number): RunFinished => {
  let cancelled = false;
  let partial = false;
  let error: ErrorData | undefined;
  for (const [id, step] of state.steps) {
    const definition = state.graph.byId.get(id);
    if (definition === undefined) continue;
    if (step.status === 'cancelled') cancelled = true;
    if (step.status !== 'failed') continue;
    if (isTolerated(definition, step)) partial ||= !definition.continueOn.markSuccess;
    else error ??= stepError(id, step.error);
  }
  const base = { type: 'run_finished', v: 1, at: now, partial } as const;
  if (cancelled && state.cancel?.reason === 'timeout') return { ...base, status: 'failed', error: timeoutError(state) };
  if (cancelled) return { ...base, status: 'cancelled' };
  return error === undefined ? { ...base, status: 'succeeded' } : { ...base, status: 'failed', error };
};
