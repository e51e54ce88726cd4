import type { LossReason } from '@skein/domain';
import { DomainError, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { postCommand } from '../run/run-turn.ts';
import type { HeldTask, WorkerSession } from './worker-session.ts';

/** What the log says about a lost task's start when the coordinator is not sure: a step that must not run twice counts as started. */
const startedOf = (engine: Engine, held: HeldTask): boolean => {
  if (held.started === 'yes') return true;
  if (held.started === 'never') return false;
  const actor = engine.runs.find(held.ref.runId);
  const step = held.ref.step.split('[')[0] ?? '';
  const mustNotRunTwice = actor?.state.graph.byId.get(step)?.onWorkerLoss === 'fail';
  return held.started === 'unknown' || mustNotRunTwice;
};

/**
 * Ends a task's lease: its run leases it again, or gives it up. Should the fact be lost with its turn, the reload of the run
 * finds a lease that nobody holds and ends it again.
 */
export const loseTask = (engine: Engine, session: WorkerSession, held: HeldTask, reason: LossReason): void => {
  const actor = engine.runs.find(held.ref.runId);
  session.tasks.delete(held.key);
  engine.deps.meter.count(metric.tasksLost, 1, { reason });
  if (actor === undefined) return;
  const started = startedOf(engine, held);
  const { step, token } = held.ref;
  postCommand(engine, actor, {
    command: { type: 'lose', step, token, reason, started },
  });
};

/** Takes the stream from a session. The worker is suspect: it keeps its tasks until its lease lapses, repeat-safe ones excepted. */
export const detachStream = (engine: Engine, session: WorkerSession): void => {
  if (session.link === undefined) return;
  session.link = undefined;
  session.credits = 0;
  session.offersSeen = 0;
  session.offersSent = 0;
  engine.fleet.refresh(session);
  engine.fleet.connectionsChanged();
  for (const held of session.tasks.values()) {
    const actor = engine.runs.find(held.ref.runId);
    const step = held.ref.step.split('[')[0] ?? '';
    if (actor?.state.graph.byId.get(step)?.repeatSafe === true) loseTask(engine, session, held, 'lease_lapsed');
  }
  forgetIfIdle(engine, session);
};

/** A worker without a stream and without a task is nothing to remember. */
const forgetIfIdle = (engine: Engine, session: WorkerSession): void => {
  if (session.link === undefined && session.tasks.size === 0) engine.fleet.forget(session);
};

/** Ends a session's stream from this side. */
export const endSession = (engine: Engine, session: WorkerSession, error?: DomainError): void => {
  const { link } = session;
  if (link === undefined) return;
  if (error !== undefined) link.send({ type: 'refused', error: toErrorData(error) });
  detachStream(engine, session);
  link.close(error);
};

/** The worker is gone for good: all that it held is leased again at once. */
export const buryWorker = (engine: Engine, session: WorkerSession, reason: LossReason): void => {
  for (const held of session.tasks.values()) loseTask(engine, session, held, reason);
  const error = reason === 'drained' ? undefined : new DomainError('unavailable', 'this worker is taken for lost');
  endSession(engine, session, error);
  forgetIfIdle(engine, session);
};

/**
 * Judges all sessions by this coordinator's monotonic clock: silent for two heartbeats is suspect, silent for a lease is lost;
 * an offer that was never taken is withdrawn after a lease period.
 */
export const checkLeases = (engine: Engine): void => {
  const { config, fleet, deps } = engine;
  const now = deps.clock.monotonicMs();
  for (const session of fleet.sessions) {
    const silentMs = now - session.lastHeardAt;
    if (silentMs >= config.leaseMs) {
      deps.log.warn('lease of a worker lapsed', { workerId: session.workerId, silentMs, tasks: session.tasks.size });
      buryWorker(engine, session, 'lease_lapsed');
      continue;
    }
    const silent = silentMs > 2 * config.heartbeatMs;
    const paused = session.pausedUntil > now ? session.pausedUntil : 0;
    if (silent !== session.silent || paused !== session.pausedUntil) {
      session.silent = silent;
      session.pausedUntil = paused;
      fleet.refresh(session);
    }
    for (const held of session.tasks.values()) {
      if (held.received || now - held.offeredAt < config.leaseMs || session.link === undefined) continue;
      session.send({ type: 'revoke', task: held.ref });
      loseTask(engine, session, held, 'lease_lapsed');
    }
  }
  deps.meter.gauge(metric.workers, fleet.sessions.length);
  engine.dispatcher.pump();
};
