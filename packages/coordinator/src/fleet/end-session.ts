import type { LossReason } from '@skein/domain';
import { DomainError, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { postCommand } from '../run/run-turn.ts';
import { jitterOf } from './jitter-of.ts';
import type { HeldTask, WorkerSession } from './worker-session.ts';

/** How long the attempt of an agent may show no progress when its step says nothing, in ms. */
const agentNoProgressMs = 15 * 60_000;

/** No step can ask for less. */
const shortestNoProgressMs = 1_000;

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
export const loseTask = (
  engine: Engine,
  session: WorkerSession,
  held: HeldTask,
  reason: LossReason,
  shared = false,
): void => {
  const actor = engine.runs.find(held.ref.runId);
  session.tasks.delete(held.key);
  engine.deps.meter.count(metric.tasksLost, 1, { reason });
  if (actor === undefined) return;
  const started = startedOf(engine, held);
  const { step, token } = held.ref;
  const command = { type: 'lose', step, token, reason, started, random: jitterOf(held.ref) } as const;
  postCommand(engine, actor, { command: shared && started ? { ...command, shared } : command });
};

/** The same, when the worker may still be at it: it is told to stop, as far as it hears, before anybody else gets the task (rule 7). */
const takeBack = (engine: Engine, session: WorkerSession, held: HeldTask, shared = false): void => {
  session.send({ type: 'revoke', task: held.ref });
  loseTask(engine, session, held, 'lease_lapsed', shared);
};

const isRepeatSafe = (engine: Engine, held: HeldTask): boolean => {
  const step = held.ref.step.split('[')[0] ?? '';
  return engine.runs.find(held.ref.runId)?.state.graph.byId.get(step)?.repeatSafe === true;
};

/** A suspect's steps that may run twice are leased elsewhere at once; the others wait for the lapse, or for the worker to come back. */
const takeBackRepeatSafe = (engine: Engine, session: WorkerSession): void => {
  const shared = othersStarted(engine, session);
  for (const held of session.tasks.values())
    if (isRepeatSafe(engine, held)) takeBack(engine, session, held, shared(held));
};

/** Whether other tasks of the session had started as well, so that a loss of them all is not one task's fault. */
const othersStarted = (engine: Engine, session: WorkerSession): ((held: HeldTask) => boolean) => {
  let started = 0;
  for (const held of session.tasks.values()) if (startedOf(engine, held)) started += 1;
  return (held) => started > (startedOf(engine, held) ? 1 : 0);
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
  takeBackRepeatSafe(engine, session);
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
  const shared = othersStarted(engine, session);
  for (const held of session.tasks.values()) {
    if (reason === 'lease_lapsed') takeBack(engine, session, held, shared(held));
    else loseTask(engine, session, held, reason, reason === 'worker_exited' && shared(held));
  }
  const error = reason === 'drained' ? undefined : new DomainError('unavailable', 'this worker is taken for lost');
  endSession(engine, session, error);
  forgetIfIdle(engine, session);
};

/** An attempt that shows no progress for too long holds its lease no more: it failed, whatever its worker is at. */
const endIfStuck = (engine: Engine, session: WorkerSession, held: HeldTask, now: number): void => {
  if (held.started !== 'yes') return;
  const idleMs = now - held.progressAt;
  if (idleMs < shortestNoProgressMs) return;
  const actor = engine.runs.find(held.ref.runId);
  const definition = actor?.state.graph.byId.get(held.ref.step.split('[')[0] ?? '');
  if (actor === undefined || definition === undefined) return;
  const limitMs =
    definition.noProgressTimeoutMs ?? (definition.action.kind === 'agent' ? agentNoProgressMs : undefined) ?? 0;
  if (limitMs === 0 || idleMs < limitMs) return;
  const { runId, step, attempt, token } = held.ref;
  const workerId = session.workerId;
  engine.deps.log.warn('attempt without progress is ended', { runId, stepId: step, fencingToken: token, workerId });
  session.tasks.delete(held.key);
  const message = `the attempt showed no progress for ${Math.round(limitMs / 1_000)} s`;
  const error = { code: 'deadline_exceeded', message, details: { noProgressMs: limitMs } } as const;
  const result = {
    ...held.ref,
    outcome: { status: 'failed', error },
    outputs: {},
    durationMs: now - held.offeredAt,
  } as const;
  session.send({ type: 'revoke', task: { runId, step, attempt, token } });
  postCommand(engine, actor, { command: { type: 'finish', workerId, result } });
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
  for (const session of fleet.sessions) session.lastHeardAt = now;
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
    const silentMs = now - session.lastHeardAt;
    if (silentMs >= config.leaseMs) {
      deps.log.warn('lease of a worker lapsed', { workerId: session.workerId, silentMs, tasks: session.tasks.size });
      buryWorker(engine, session, 'lease_lapsed');
      continue;
    }
    const silent = silentMs > 2 * config.heartbeatMs;
    const paused = session.pausedUntil > now ? session.pausedUntil : 0;
    if (silent !== session.silent || paused !== session.pausedUntil) {
      const isSuspect = silent && !session.silent;
      session.silent = silent;
      session.pausedUntil = paused;
      fleet.refresh(session);
      if (isSuspect) takeBackRepeatSafe(engine, session);
    }
    for (const held of session.tasks.values()) {
      endIfStuck(engine, session, held, now);
      if (held.received || now - held.offeredAt < config.leaseMs || session.link === undefined) continue;
      takeBack(engine, session, held);
    }
  }
  deps.meter.gauge(metric.workers, fleet.sessions.length);
  engine.dispatcher.pump();
};
