import type { LossReason } from '@skein/domain';
import { DomainError, toErrorData } from '@skein/domain';
import type { WorkerGone } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { endIfStuck } from './end-if-stuck.ts';
import { definitionOf, judgeSuspected, loseTask, othersStarted, takeBack } from './lose-task.ts';
import type { HeldTask, WorkerSession } from './worker-session.ts';

/** True for a step that may run at two workers at once; one that must not run again after a loss is lost only with its worker. */
const isRepeatSafe = (engine: Engine, held: HeldTask): boolean => {
  const definition = definitionOf(engine, held);
  return definition?.repeatSafe === true && definition.onWorkerLoss !== 'fail';
};

/** A suspect's steps that may run twice are leased elsewhere at once; the others wait for the lapse, or for the worker to come back. */
export const takeBackRepeatSafe = (engine: Engine, session: WorkerSession): void => {
  const shared = othersStarted(engine, session);
  for (const held of session.tasks.values())
    if (isRepeatSafe(engine, held)) takeBack(engine, session, held, shared(held), true);
};

/**
 * Takes the stream from a session. The worker is suspect: it keeps its tasks until its lease lapses, repeat-safe ones excepted; `quietly`
 * those too, because the worker is likely to be well.
 */
export const detachStream = (
  engine: Engine,
  session: WorkerSession,
  reason: WorkerGone = 'stream_broke',
  quietly = false,
): void => {
  if (session.link === undefined) return;
  engine.peers.gone(session, reason);
  session.link = undefined;
  session.credits = 0;
  session.offersSeen = 0;
  session.offersSent = 0;
  engine.fleet.refresh(session);
  engine.fleet.connectionsChanged();
  if (!quietly) takeBackRepeatSafe(engine, session);
  forgetIfIdle(engine, session);
};

/** A worker without a stream and without a task is nothing to remember, once it is known what became of it. */
export const forgetIfIdle = (engine: Engine, session: WorkerSession): void => {
  if (session.link === undefined && session.tasks.size === 0 && session.suspected.size === 0)
    engine.fleet.forget(session);
};

/** Ends a session's stream from this side. */
export const endSession = (
  engine: Engine,
  session: WorkerSession,
  error?: DomainError,
  reason: WorkerGone = 'stream_broke',
  quietly = false,
): void => {
  const { link } = session;
  if (link === undefined) return;
  // The stream of a worker of a peer is the peer's to end.
  if (error !== undefined && session.via === undefined) link.send({ type: 'refused', error: toErrorData(error) });
  detachStream(engine, session, reason, quietly);
  link.close(error);
};

/** What peers are told of a worker that is gone for good. */
const goneFor = (reason: LossReason): WorkerGone =>
  reason === 'worker_exited' ? 'exited' : reason === 'drained' ? 'drained' : 'lapsed';

/** The worker is gone for good: all that it held is leased again at once. */
export const buryWorker = (engine: Engine, session: WorkerSession, reason: LossReason): void => {
  const shared = othersStarted(engine, session);
  for (const held of session.tasks.values()) {
    if (reason === 'lease_lapsed') takeBack(engine, session, held, shared(held));
    else loseTask(engine, session, held, reason, reason === 'worker_exited' && shared(held));
  }
  judgeSuspected(engine, session, reason !== 'drained');
  const error = reason === 'drained' ? undefined : new DomainError('unavailable', 'this worker is taken for lost');
  endSession(engine, session, error, goneFor(reason));
  forgetIfIdle(engine, session);
};

/**
 * A coordinator that was stopped or busy for long has heard nobody, and that says nothing of the workers: their leases last one period
 * from now on, so that a pause does not lose them all (rule 5).
 */
const graceAfterPause = (engine: Engine, now: number): void => {
  const { fleet, config, deps } = engine;
  const pausedMs = now - fleet.checkedAt;
  fleet.checkedAt = now;
  if (pausedMs <= config.heartbeatMs) return;
  deps.log.warn('leases are extended after a pause of the coordinator', { pausedMs });
  for (const session of fleet.sessions) {
    session.lastHeardAt = now;
    for (const held of session.tasks.values()) held.progressAt = now;
  }
};

/**
 * Judges all sessions by this coordinator's monotonic clock: silent for two heartbeats is suspect, silent for a lease is lost;
 * an offer that was never taken is withdrawn after a lease period.
 */
export const checkLeases = (engine: Engine): void => {
  const { config, fleet, deps } = engine;
  const now = deps.clock.monotonicMs();
  graceAfterPause(engine, now);
  for (const session of fleet.sessions) {
    if (session.via !== undefined && session.link !== undefined && !session.silent)
      session.lastHeardAt = Math.max(session.lastHeardAt, engine.peers.heardAt(session.via) ?? 0);
    const silentMs = now - session.lastHeardAt;
    if (silentMs >= config.leaseMs) {
      if (!engine.peers.mayLapse(session)) continue;
      deps.log.warn('lease of a worker lapsed', { workerId: session.workerId, silentMs, tasks: session.tasks.size });
      buryWorker(engine, session, 'lease_lapsed');
      continue;
    }
    const silent = session.via === undefined ? silentMs > 2 * config.heartbeatMs : session.silent;
    const paused = session.pausedUntil > now ? session.pausedUntil : 0;
    if (silent !== session.silent || paused !== session.pausedUntil) {
      const isSuspect = silent && !session.silent;
      session.silent = silent;
      session.pausedUntil = paused;
      fleet.refresh(session);
      if (isSuspect) {
        engine.peers.gone(session, 'silent');
        takeBackRepeatSafe(engine, session);
      }
    }
    for (const held of session.tasks.values()) {
      endIfStuck(engine, session, held, now);
      // While a peer is asked what the worker holds, that decides.
      const isKnown = held.received || held.unconfirmed !== undefined;
      if (isKnown || now - held.offeredAt < config.leaseMs || session.link === undefined) continue;
      takeBack(engine, session, held);
    }
  }
  deps.meter.gauge(metric.workers, fleet.sessions.filter(({ via }) => via === undefined).length);
  engine.dispatcher.pump();
};
