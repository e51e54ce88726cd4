import { DomainError } from '../errors/domain-error.ts';
import type { Result } from '../result/result.ts';
import { err, ok } from '../result/result.ts';
import { isStopping } from './handler-phase.ts';
import type { Target } from './hold-target.ts';
import { mayRetry, retryDelayMs } from './retry-delay.ts';
import type { RunCommand } from './run-command.ts';
import type { RecordedResult, RunFact } from './run-fact.ts';
import type { RunState } from './run-state.ts';

/** The facts that a command makes, or why it is refused. */
export type Decision = Result<readonly RunFact[], DomainError>;

/** The command of one type. */
export type CommandOf<T extends RunCommand['type']> = Extract<RunCommand, { readonly type: T }>;

/** The command changes nothing. */
export const nothing: Decision = ok([]);

/** The run, or the step, is not in a state for this: `illegal_transition`. */
export const illegal = (state: RunState, message: string): Decision =>
  err(new DomainError('illegal_transition', message, { runId: state.runId, status: state.status }));

/** True when as many items of the fan-out are held as may be. */
export const itemLimitReached = (state: RunState, { step }: Target): boolean =>
  (step.fanout?.leased ?? 0) >= (state.graph.byId.get(step.path)?.foreach?.maxConcurrent ?? 1);

/** When the attempt that ended with this result is to be tried again (ms), or undefined when it is not. */
export const retryAtOf = (state: RunState, found: Target, result: RecordedResult, now: number): number | undefined => {
  const policy = state.graph.byId.get(found.step.path)?.retryPolicy;
  const failures = found.target.failures + 1;
  if (result.outcome.status !== 'failed' || isStopping(state) || policy === undefined) return undefined;
  // Another attempt would begin anew, and do again what may have happened.
  if (result.outcome.error.code === 'outcome_unknown') return undefined;
  return mayRetry(policy, failures, result.exitCode) ? now + retryDelayMs(policy, failures) : undefined;
};
