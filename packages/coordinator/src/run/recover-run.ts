import type { CancelState, RunState } from '@skein/domain';
import { DomainError, isDomainError, isTerminalRun } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import { recordRun } from '../trace/record-run.ts';
import { adoptLeases } from './adopt-leases.ts';
import { loadRun } from './load-run.ts';
import type { PendingCommand, RunActor } from './run-actor.ts';
import { adoptCalls, tendCaller } from './tend-call.ts';
import { rootOf } from './tree-sizes.ts';

/** Waits between two tries to read a run whose last append is in doubt, in ms. */
const firstRetryMs = 50;
const maxRetryMs = 2_000;

const failAll = (actor: RunActor, batch: readonly PendingCommand[], error: DomainError): void => {
  for (const { settle } of [...batch, ...actor.mailbox.splice(0)]) settle?.({ status: 'failed', error });
};

/** Facts of commands that only make sense for the state they were asked of are not tried again on another. */
const isAdmission = ({ command }: PendingCommand): boolean => command.type === 'admit' || command.type === 'reject';

const isSame = (asked: CancelState, held: CancelState | undefined): boolean =>
  held?.at === asked.at && held.by === asked.by;

/** True when the log holds the request to stop that the failed turn had made: asked once more, it would stop the handlers that follow it. */
const holdsCancel = (failed: RunState, held: RunState): boolean => {
  if (failed.closing?.cancel !== undefined) return isSame(failed.closing.cancel, held.closing?.cancel);
  return failed.cancel !== undefined && isSame(failed.cancel, held.cancel);
};

/**
 * After an append that may or may not have happened: reads the run again, as often as it takes, and puts the commands of the failed
 * turn back in front. Deciding them on what the log says settles each truthfully: a result that was recorded is a repetition,
 * a lease that is gone makes its holder stale. Nothing is acknowledged that the log does not hold. `from_log` when somebody else may
 * have written meanwhile: then a lease that is new here may well be at work.
 */
export const recoverRun = async (
  engine: Engine,
  actor: RunActor,
  batch: readonly PendingCommand[],
  cause: DomainError,
  why: 'from_log' | 'after_conflict' = 'after_conflict',
): Promise<void> => {
  engine.deps.meter.count(metric.runsReloaded);
  engine.deps.log.warn('run is read again after an append in doubt', { runId: actor.runId, cause: cause.code });
  // Nothing is answered meanwhile: what is not on disk is not acknowledged. A run that was never created has nothing to wait for.
  if (actor.creation === undefined) await engine.store.opened();
  // A store that reads but does not write must not make this a busy loop.
  if (actor.doubts > 0)
    await engine.deps.clock.sleep(Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(10, actor.doubts - 1)));
  actor.doubts += 1;
  const failed = actor.state;
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(maxRetryMs, waitMs * 2)) {
    if (engine.phase === 'stopped' || engine.store.isOver || actor.dropped) {
      failAll(actor, batch, new DomainError('unavailable', 'the coordinator stopped'));
      return;
    }
    try {
      const { state, checkpointSeq } = await loadRun(engine, actor.tenant, actor.runId);
      if (actor.dropped) continue;
      actor.state = state;
      actor.checkpointSeq = checkpointSeq;
      break;
    } catch (thrown) {
      if (!isDomainError(thrown)) engine.deps.log.error('run cannot be read', { runId: actor.runId, error: thrown });
      if (isDomainError(thrown) && !isPassing(thrown)) {
        // `not_found`: the append that was to create the run did not happen. `unimplemented`: another version writes this run now.
        const error = thrown.code === 'not_found' ? cause : thrown;
        failAll(actor, batch, error);
        engine.runs.drop(engine, actor);
        return;
      }
    }
    await engine.deps.clock.sleep(waitMs);
  }
  actor.creation = undefined;
  actor.pins = undefined;
  actor.expectsRevision = undefined;
  actor.tallies = [];
  actor.exposed.clear();
  actor.preparations.clear();
  actor.called.clear();
  engine.trees.forget(rootOf(actor.state));
  const { status } = actor.state;
  // A run whose first step waits is admitted and waiting in one turn.
  const isAdmitted = status === 'running' || status === 'waiting';
  const again = batch.filter((pending) => !isAdmission(pending) || isAdmitted);
  for (const pending of batch) {
    if (!again.includes(pending)) pending.settle?.({ status: 'failed', error: cause });
  }
  // An admission, or a cancel, that the log already holds is settled as recorded by its effect.
  const isCancelled = holdsCancel(failed, actor.state);
  const open = again.filter((pending) => {
    if (!isAdmission(pending) && !(isCancelled && pending.command.type === 'cancel')) return true;
    pending.settle?.({ status: 'recorded', facts: 0 });
    return false;
  });
  actor.mailbox = [...open, ...actor.mailbox];
  adoptLeases(engine, actor, why);
  adoptCalls(engine, actor);
  if (isTerminalRun(actor.state.status)) {
    tendCaller(engine, actor.state);
    recordRun(engine, actor.state);
  }
  // Plans again also when nobody asked: the facts that the failed turn had planned are still due.
  engine.wheel.set(actor.runId, engine.deps.clock.now());
};
