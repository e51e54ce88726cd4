import { DomainError } from '../errors/domain-error.ts';
import { err, ok } from '../result/result.ts';
import { findTarget } from './create-run-state.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, itemLimitReached, nothing, retryAtOf } from './decision.ts';
import { isStopping } from './handler-phase.ts';
import { isLeasable, nextAttempt } from './next-attempt.ts';
import type { RecordedResult } from './run-fact.ts';
import type { CallState, RunState } from './run-state.ts';
import { isTerminalRun } from './run-status.ts';

/** Deepest nesting of calls: a run that is so many calls below its root calls nothing more. */
export const maxCallDepth = 16;

const depthOf = (state: RunState): number => (state.source.kind === 'call' ? state.source.depth : 0);

/**
 * Begins a child run, whose DAG must be the one that admission fixed (R4). Too deep in the tree, the step fails for good instead.
 * The child is made only after the fact is durable.
 */
export const decideCall = (state: RunState, command: CommandOf<'call'>, now: number): Decision => {
  const { step, childRunId, dag, dagDigest } = command;
  const found = findTarget(state, step);
  const definition = state.graph.byId.get(found?.step.path ?? '');
  if (
    found === undefined ||
    definition?.action.kind !== 'call' ||
    state.status !== 'running' ||
    isStopping(state) ||
    !isLeasable(found.target, now)
  ) {
    return illegal(state, `step ${step} cannot call now`);
  }
  if (found.index === undefined && definition.foreach !== undefined)
    return illegal(state, `step ${step} is a fan-out: its items call`);
  if (found.index !== undefined && itemLimitReached(state, found))
    return illegal(state, `step ${found.step.path} is at its max_concurrent`);
  if (state.calls?.[state.dagDigest]?.[dag] !== dagDigest)
    return illegal(state, `step ${step} may not call "${dag}" as ${dagDigest}: admission fixed no such target`);
  if (found.target.childRunId === childRunId) return illegal(state, `run ${childRunId} was called before`);
  if (depthOf(state) >= maxCallDepth) {
    const message = `DAG "${dag}" is not called: calls may be nested ${maxCallDepth} deep`;
    const error = { code: 'resource_exhausted', message, details: { depth: depthOf(state) + 1 } } as const;
    return ok([{ type: 'step_failed', v: 1, at: now, step, error }]);
  }
  const attempt = nextAttempt(found.target);
  return ok([{ type: 'step_called', v: 1, at: now, step, attempt, childRunId, dag, dagDigest }]);
};

/** A child that was cancelled by itself is a failure of the step; only a run that is being stopped takes it as a cancel. */
const returned = (state: RunState, call: CallState, result: RecordedResult): RecordedResult => {
  if (result.outcome.status !== 'cancelled' || isStopping(state)) return result;
  const message = `DAG "${call.dag}" (run ${call.childRunId}) was cancelled, though the run that called it was not`;
  return { ...result, outcome: { status: 'failed', error: { code: 'cancelled', message } } };
};

/** Takes the end of a child run as the result of its step. A repetition, or a child of an earlier attempt, changes nothing. */
export const decideReturn = (state: RunState, command: CommandOf<'return'>, now: number): Decision => {
  const { step, childRunId } = command;
  const found = findTarget(state, step);
  const call = found?.target.call;
  if (found === undefined || call?.childRunId !== childRunId || isTerminalRun(state.status)) return nothing;
  const { status } = command.result.outcome;
  if (status === 'skipped' || status === 'released') return illegal(state, `a run does not end ${status}`);
  const result = returned(state, call, command.result);
  const { attempt } = found.target;
  const fact = { type: 'step_returned', v: 1, at: now, step, attempt, childRunId, result } as const;
  const retryAt = retryAtOf(state, found, result, now);
  return ok([retryAt === undefined ? fact : { ...fact, retryAt }]);
};

/**
 * Lets a worker have a secret under its live lease. The same secret under the same lease is recorded once: asked again, it may be
 * answered again.
 */
export const decideReleaseSecret = (state: RunState, command: CommandOf<'release_secret'>, now: number): Decision => {
  const { step, token, workerId, secret } = command;
  const target = findTarget(state, step)?.target;
  const lease = target?.lease;
  if (target === undefined || lease === undefined || lease.token !== token || lease.workerId !== workerId) {
    return err(
      new DomainError('stale_fencing_token', `token ${token} of ${step} is not the current one`, {
        runId: state.runId,
        step,
        token,
        current: lease?.token ?? target?.resultToken ?? 0,
      }),
    );
  }
  if (lease.released?.includes(secret) === true) return nothing;
  const { attempt } = target;
  return ok([{ type: 'secret_released', v: 1, at: now, step, attempt, token, workerId, secret }]);
};
