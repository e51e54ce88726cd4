import type { Step } from '../dag/step.ts';
import type { StepState } from './run-state.ts';

/** True when the step failed but its `continue_on` lets the run go on. */
export const isTolerated = (step: Step, state: StepState): boolean => {
  if (state.status !== 'failed') return false;
  const { failure, exitCodes } = step.continueOn;
  if (failure || state.result?.continueOnOutput === true) return true;
  const exitCode = state.result?.exitCode;
  return exitCode !== undefined && exitCodes.includes(exitCode);
};

/** Whether steps that depend on this settled one may run. */
export const dependencyVerdict = (step: Step, state: StepState): 'go' | 'upstream_failed' | 'upstream_skipped' => {
  switch (state.status) {
    case 'succeeded':
      return 'go';
    case 'failed':
      return isTolerated(step, state) ? 'go' : 'upstream_failed';
    case 'skipped':
      if (step.continueOn.skipped) return 'go';
      return state.skipReason === 'upstream_failed' ? 'upstream_failed' : 'upstream_skipped';
    case 'pending':
    case 'ready':
    case 'running':
    case 'waiting':
    case 'retrying':
    case 'cancelled':
      return 'upstream_skipped';
  }
};
