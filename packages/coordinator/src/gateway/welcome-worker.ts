import type { Result, SessionId, TaskRef } from '@skein/domain';
import { commonFormat, DomainError, err, ok } from '@skein/domain';
import type { CoordinatorMessage, StreamLink, WorkerMessage } from '@skein/ports';
import { protocolVersions } from '@skein/ports';
import type { SnapshotFormat } from '@skein/snapshot';
import { formatOf } from '@skein/snapshot';
import { redeliver } from '../delivery/deliver-messages.ts';
import type { Engine } from '../engine/engine.ts';
import { detachStream } from '../fleet/end-session.ts';
import { Holdings } from '../fleet/holdings.ts';
import { judgeSuspected, loseTask } from '../fleet/lose-task.ts';
import { neverArrived, processMark } from '../fleet/never-arrived.ts';
import { taskKey, WorkerSession } from '../fleet/worker-session.ts';
import type { Identity } from '../token/token-cache.ts';
import { keepTasks } from './keep-tasks.ts';
import { workerAddresses } from './worker-addresses.ts';

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

/** A new session id for a worker's process. */
export const newSessionId = (engine: Engine, hello: Hello): SessionId =>
  `${engine.deps.ids.next('ses')}${processMark(engine, hello.worker.incarnation)}`;

/** Why a worker cannot be welcomed, whatever it holds. */
const refusalOf = (engine: Engine, identity: Identity, { worker }: Hello): DomainError | undefined => {
  const { workerId, incarnation } = worker;
  if (engine.fleet.hasExited(incarnation))
    return new DomainError('permission_denied', 'this worker process was reported as exited', { workerId });
  const known = engine.fleet.ofWorker(workerId);
  if (known !== undefined && known.tenant !== identity.tenant)
    return new DomainError('permission_denied', 'this worker id belongs to another tenant', { workerId });
  return undefined;
};

/** What a worker says that may be let in, before its place is claimed. */
export const checkHello = (engine: Engine, identity: Identity, hello: Hello): DomainError | undefined => {
  const agreed = negotiate(hello, engine.config.snapshotFormats);
  return agreed.ok ? refusalOf(engine, identity, hello) : agreed.error;
};

/** Tasks of runs that are at home elsewhere, or whose home is not known now: it is for their homes to judge them. */
const noteForeign = (engine: Engine, session: WorkerSession, hello: Hello): readonly TaskRef[] => {
  session.foreign.clear();
  if (!engine.peers.isActive) return [];
  const kept: TaskRef[] = [];
  for (const { runId, step, attempt, token, started } of hello.running) {
    if (engine.peers.routeOf(runId) === 'here') continue;
    const ref = { runId, step, attempt, token };
    const key = taskKey(ref);
    session.tasks.delete(key);
    session.foreign.set(key, { key, ref, started, finished: false, taskClass: undefined });
    kept.push(ref);
  }
  for (const { runId, step, attempt, token } of hello.unacknowledged) {
    if (engine.peers.routeOf(runId) === 'here') continue;
    const ref = { runId, step, attempt, token };
    const key = taskKey(ref);
    session.foreign.set(key, { key, ref, started: true, finished: true, taskClass: undefined });
  }
  return kept;
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
  place: { readonly sessionId: SessionId; readonly epoch: number },
): Result<WorkerSession, DomainError> => {
  const { fleet, deps, config } = engine;
  const agreed = negotiate(hello, config.snapshotFormats);
  if (!agreed.ok) return agreed;
  const { protocol, snapshotFormat } = agreed.value;
  const { workerId, incarnation } = hello.worker;
  const refusal = refusalOf(engine, identity, hello);
  if (refusal !== undefined) return err(refusal);
  const known = fleet.ofWorker(workerId);
  const { sessionId, epoch } = place;
  if (known !== undefined && known.epoch > epoch)
    return err(new DomainError('unavailable', 'the worker opened another stream since', { workerId }));
  const now = deps.clock.monotonicMs();
  const session = known ?? new WorkerSession(workerId, identity.tenant, sessionId, now);
  const oldLink = session.link;
  if (oldLink !== undefined) {
    engine.peers.gone(session, 'moved');
    session.link = undefined;
    oldLink.close(new DomainError('unavailable', 'the worker opened another stream'));
  }
  if (session.suspected.size > 0) judgeSuspected(engine, session, session.info?.incarnation !== incarnation);
  session.tokenId = identity.tokenId;
  session.sessionId = sessionId;
  session.epoch = epoch;
  session.via = undefined;
  session.gaveUp = hello.gaveUp === undefined ? undefined : new Map(hello.gaveUp.map((task) => [taskKey(task), task]));
  session.gaveUpChanged = false;
  session.info = hello.worker;
  session.snapshotFormat = snapshotFormat;
  session.lastHeardAt = now;
  session.connectedAt = deps.clock.now();
  session.joinedAt = now;
  session.silent = false;
  session.draining = fleet.mustDrain(identity.tenant, incarnation);
  session.pausedUntil = 0;
  session.credits = 0;
  session.offersSeen = 0;
  session.offersSent = 0;
  session.holdings = new Holdings(hello.held);
  session.partsSent.clear();
  session.keeper = undefined;
  session.link = link;
  fleet.register(session);
  fleet.connectionsChanged();

  const foreign = noteForeign(engine, session, hello);
  const own = hello.running.filter((task) => !session.foreign.has(taskKey(task)));
  const keep = [...keepTasks(engine, session, own), ...foreign];
  const accounted = new Set([...keep, ...hello.unacknowledged].map(taskKey));
  const coordinators = workerAddresses(engine);
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
    ...(coordinators.length === 0 ? {} : { coordinators }),
  });
  for (const held of session.tasks.values()) {
    delete held.unconfirmed;
    if (!accounted.has(held.key)) {
      if (neverArrived(engine, session, held)) held.started = 'never';
      loseTask(engine, session, held, 'worker_forgot');
    } else if (held.cancelReason !== undefined)
      session.send({ type: 'cancel', task: held.ref, reason: held.cancelReason });
  }
  for (const { runId, step } of keep) {
    const actor = engine.runs.find(runId);
    if (actor !== undefined) redeliver(engine, actor, step);
  }
  if (session.draining) session.send({ type: 'drain' });
  // A send may have found the stream broken.
  if (session.link === link) engine.peers.announce(session, true);
  else detachStream(engine, session);
  deps.log.info('worker joined', { workerId, sessionId, kept: keep.length, slots: hello.worker.slots });
  return ok(session);
};
