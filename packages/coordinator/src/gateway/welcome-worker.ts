import type { FencingToken, LeaseState, Result, RunState, StepPath, TaskRef } from '@skein/domain';
import { commonFormat, DomainError, err, markStarted, ok } from '@skein/domain';
import type { CoordinatorMessage, StreamLink, HeldTask as ToldTask, WorkerMessage } from '@skein/ports';
import { protocolVersions } from '@skein/ports';
import type { SnapshotFormat } from '@skein/snapshot';
import { formatOf } from '@skein/snapshot';
import { redeliver } from '../delivery/deliver-messages.ts';
import type { Engine } from '../engine/engine.ts';
import { detachStream } from '../fleet/end-session.ts';
import { Holdings } from '../fleet/holdings.ts';
import { judgeSuspected, loseTask } from '../fleet/lose-task.ts';
import type { HeldTask } from '../fleet/worker-session.ts';
import { taskKey, WorkerSession } from '../fleet/worker-session.ts';
import { leaseAt } from '../run/lease-at.ts';
import type { Identity } from '../token/token-cache.ts';

type Hello = Extract<WorkerMessage, { readonly type: 'hello' }>;

/** What holds for a session. */
interface Agreement {
  readonly protocol: number;
  readonly snapshotFormat: SnapshotFormat;
}

/** The highest protocol version that both speak, and the highest snapshot format that the coordinator writes and the worker reads. */
const negotiate = (hello: Hello, formats: readonly SnapshotFormat[]): Result<Agreement, DomainError> => {
  const { min, max } = hello.protocol;
  const protocol = Math.min(max, protocolVersions.max);
  if (protocol < Math.max(min, protocolVersions.min)) {
    const message = `no protocol version in common: the worker speaks ${min} to ${max}, the coordinator ${protocolVersions.min} to ${protocolVersions.max}`;
    return err(
      new DomainError('unimplemented', message, { worker: { min, max }, coordinator: { ...protocolVersions } }),
    );
  }
  const { snapshotFormats } = hello.worker;
  const written = formats.map(({ version }) => version);
  const common = commonFormat(snapshotFormats, written);
  if (common === undefined) {
    const message = `no snapshot format in common: the worker reads ${snapshotFormats.join(', ')}, the coordinator writes ${written.join(', ')}`;
    return err(new DomainError('unimplemented', message, { worker: [...snapshotFormats], coordinator: [...written] }));
  }
  return ok({ protocol, snapshotFormat: formatOf(common, formats) });
};

const currentLease = (
  engine: Engine,
  session: WorkerSession,
  task: TaskRef,
): { readonly state: RunState; readonly lease: LeaseState } | undefined => {
  const actor = engine.runs.find(task.runId);
  if (actor === undefined || actor.tenant !== session.tenant) return undefined;
  const lease = leaseAt(actor.state, task.step);
  return lease?.token === task.token && lease.workerId === session.workerId ? { state: actor.state, lease } : undefined;
};

/** Decides which of the tasks that a worker says it runs are still its own, and remembers them. */
const keepTasks = (engine: Engine, session: WorkerSession, running: readonly ToldTask[]): readonly TaskRef[] => {
  const kept: TaskRef[] = [];
  const now = engine.deps.clock.monotonicMs();
  for (const { runId, step, attempt, token, started } of running) {
    const ref = { runId, step, attempt, token };
    const current = currentLease(engine, session, ref);
    const key = taskKey(ref);
    if (current === undefined) {
      session.tasks.delete(key);
      continue;
    }
    const known = session.tasks.get(key);
    session.tasks.set(key, {
      key,
      tenant: session.tenant,
      ref,
      offeredAt: now,
      progressAt: now,
      state: started ? 'running' : 'acknowledged',
      received: true,
      started: started ? 'yes' : 'no',
      ...(known?.hints === undefined ? {} : { hints: known.hints }),
      ...(known?.cancelReason === undefined ? {} : { cancelReason: known.cancelReason }),
    });
    if (started) markStarted(current.state, step as StepPath, token as FencingToken, engine.deps.clock.now());
    kept.push(ref);
  }
  return kept;
};

/** End of every session id of a process: by it the log tells one process from another under the same worker id. */
const processMark = (engine: Engine, incarnation: string): string =>
  `.${engine.deps.hasher.digest(incarnation).slice(-12)}`;

/**
 * A task that the log says was offered to this process, before this coordinator began, and that the process has never heard of: the
 * offer did not leave. Without that proof it counts as begun.
 */
const neverArrived = (engine: Engine, { gaveUp, worker }: Hello, held: HeldTask): boolean => {
  if (held.started !== 'unknown' || gaveUp === undefined) return false;
  const state = engine.runs.find(held.ref.runId)?.state;
  const lease = state === undefined ? undefined : leaseAt(state, held.ref.step);
  const isSameProcess = lease?.sessionId.endsWith(processMark(engine, worker.incarnation)) === true;
  return isSameProcess && !gaveUp.some((task) => taskKey(task) === held.key);
};

/**
 * Welcomes a worker: negotiates, takes over the session of the same worker, says which tasks it keeps, and ends the leases of those
 * that it no longer holds and has no result for. Synchronous, so that nothing comes between.
 */
export const welcomeWorker = (
  engine: Engine,
  identity: Identity,
  hello: Hello,
  link: StreamLink<CoordinatorMessage>,
): Result<WorkerSession, DomainError> => {
  const { fleet, deps, config } = engine;
  const agreed = negotiate(hello, config.snapshotFormats);
  if (!agreed.ok) return agreed;
  const { protocol, snapshotFormat } = agreed.value;
  const { workerId, incarnation } = hello.worker;
  if (fleet.hasExited(incarnation)) {
    return err(new DomainError('permission_denied', 'this worker process was reported as exited', { workerId }));
  }
  const known = fleet.ofWorker(workerId);
  if (known !== undefined && known.tenant !== identity.tenant) {
    return err(new DomainError('permission_denied', 'this worker id belongs to another tenant', { workerId }));
  }
  const now = deps.clock.monotonicMs();
  const sessionId = `${deps.ids.next('ses')}${processMark(engine, incarnation)}`;
  const session = known ?? new WorkerSession(workerId, identity.tenant, sessionId, now);
  const oldLink = session.link;
  if (oldLink !== undefined) {
    session.link = undefined;
    oldLink.close(new DomainError('unavailable', 'the worker opened another stream'));
  }
  if (session.suspected.size > 0) judgeSuspected(engine, session, session.info?.incarnation !== incarnation);
  session.tokenId = identity.tokenId;
  session.sessionId = sessionId;
  session.info = hello.worker;
  session.snapshotFormat = snapshotFormat;
  session.lastHeardAt = now;
  session.connectedAt = deps.clock.now();
  session.silent = false;
  session.draining = false;
  session.pausedUntil = 0;
  session.credits = 0;
  session.offersSeen = 0;
  session.offersSent = 0;
  session.holdings = new Holdings(hello.held);
  session.partsSent.clear();
  session.link = link;
  fleet.register(session);
  fleet.connectionsChanged();

  const keep = keepTasks(engine, session, hello.running);
  const accounted = new Set([...keep, ...hello.unacknowledged].map(taskKey));
  link.send({
    type: 'welcome',
    protocol,
    sessionId,
    coordinatorId: config.coordinatorId,
    serverTime: deps.clock.now(),
    heartbeatMs: config.heartbeatMs,
    leaseMs: config.leaseMs,
    snapshotFormat: snapshotFormat.version,
    keep,
    ...(config.advertise.length === 0 ? {} : { coordinators: config.advertise }),
  });
  for (const held of session.tasks.values()) {
    if (!accounted.has(held.key)) {
      if (neverArrived(engine, hello, held)) held.started = 'never';
      loseTask(engine, session, held, 'worker_forgot');
    } else if (held.cancelReason !== undefined)
      session.send({ type: 'cancel', task: held.ref, reason: held.cancelReason });
  }
  for (const { runId, step } of keep) {
    const actor = engine.runs.find(runId);
    if (actor !== undefined) redeliver(engine, actor, step);
  }
  // A send may have found the stream broken.
  if (session.link !== link) detachStream(engine, session);
  deps.log.info('worker joined', { workerId, sessionId, kept: keep.length, slots: hello.worker.slots });
  return ok(session);
};
