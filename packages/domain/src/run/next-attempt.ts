import type { StepState } from './run-state.ts';

/** Attempt number that the next lease has: it rises only if the earlier lease reached `started` (R2). */
export const nextAttempt = (target: StepState): number =>
  target.attempt === 0 || target.attemptStarted ? target.attempt + 1 : target.attempt;

/** True when the step, or item, could take a lease at `now` as far as it alone is concerned. */
export const isLeasable = (target: StepState, now: number): boolean =>
  target.status === 'ready' || (target.status === 'retrying' && (target.notBefore ?? 0) <= now);
