import { DomainError, shardOf } from '@skein/domain';
import type { CoordinatorMessage, PeerMessage, PeerWorker } from '@skein/ports';
import { formatOf, snapshotFormats } from '@skein/snapshot';
import { metric } from '../engine/metric-names.ts';
import { buryWorker, detachStream, forgetIfIdle, takeBackRepeatSafe } from '../fleet/end-session.ts';
import { Holdings } from '../fleet/holdings.ts';
import { isSameProcess } from '../fleet/is-lease-of.ts';
import { judgeSuspected } from '../fleet/lose-task.ts';
import type { HeldTask } from '../fleet/worker-session.ts';
import { taskKey, WorkerSession } from '../fleet/worker-session.ts';
import { onWorkerMessage } from '../gateway/on-worker-message.ts';
import { leaseAt } from '../run/lease-at.ts';
import { settleHoldings } from './exchange-holdings.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';
import { isReady } from './peer-state.ts';

/*
 * Workers whose streams end at peers, as sessions of this coordinator.
 *  V1 of two streams of one worker the one with the higher epoch counts, whoever says so
 *  V3 what a worker said before it was gone is taken from whoever keeps it, as long as the lease lives
 *  V2 a stream to a peer that breaks says nothing of its workers: nothing of theirs is leased again before their leases lapse
 */

const nothing = (): void => undefined;

/** Ends what was known of an older stream of the worker. */
const leaveOldStream = (state: PeerState, session: WorkerSession): void => {
  const { link } = session;
  if (link === undefined) return;
  if (session.via === undefined) {
    // It says again, at its new place, what has no answer.
    state.outbox.remove(session.workerId, ({ message }) => message.type !== 'log');
    state.gone(session, 'moved');
    session.link = undefined;
    link.close(new DomainError('unavailable', 'the worker opened a stream at another coordinator'));
  }
  session.link = undefined;
};

const takeState = (state: PeerState, session: WorkerSession, told: PeerWorker): void => {
  session.draining = told.draining || state.engine.fleet.mustDrain(told.tenant, told.worker.incarnation);
  // It was asked to here, and its holder has not heard of it.
  if (session.draining && !told.draining) session.send({ type: 'drain' });
  session.gaveUp =
    told.gaveUp === undefined
      ? undefined
      : new Map(told.gaveUp.map((ref) => [`${ref.runId} ${ref.step} ${ref.token}`, ref]));
  if (session.silent) {
    session.silent = false;
    session.lastHeardAt = state.engine.deps.clock.monotonicMs();
    judgeSuspected(state.engine, session, false);
  }
};

/** The lease may have been given after this stream of the worker was opened. */
const isOfSession = ({ engine }: PeerState, { ref }: HeldTask, sessionId: string): boolean => {
  const actor = engine.runs.find(ref.runId);
  const lease = actor === undefined ? undefined : leaseAt(actor.state, ref.step);
  return lease === undefined || lease.token !== ref.token || lease.sessionId === sessionId;
};

/** A peer says that a worker's stream ends there, or what of it changed. */
export const onWorker = (state: PeerState, link: PeerLink, told: PeerWorker): void => {
  const { engine } = state;
  const { fleet, deps } = engine;
  const { workerId, incarnation } = told.worker;
  if (fleet.hasExited(incarnation)) return;
  const known = fleet.ofWorker(workerId);
  if (known !== undefined && known.tenant !== told.tenant) {
    deps.log.warn('a worker of a peer has the id of one of another tenant', { workerId, peer: link.coordinatorId });
    return;
  }
  // V1
  if (known !== undefined && known.epoch > told.epoch) return;
  const isSame =
    known !== undefined &&
    known.link !== undefined &&
    known.via === link.coordinatorId &&
    known.sessionId === told.sessionId;
  if (isSame) {
    takeState(state, known, told);
    fleet.refresh(known);
    fleet.connectionsChanged();
    engine.dispatcher.pump();
    return;
  }
  const now = deps.clock.monotonicMs();
  const session = known ?? new WorkerSession(workerId, told.tenant, told.sessionId, now);
  leaveOldStream(state, session);
  if (session.suspected.size > 0) judgeSuspected(engine, session, session.info?.incarnation !== incarnation);
  session.via = link.coordinatorId;
  session.epoch = told.epoch;
  session.tokenId = told.tokenId;
  session.sessionId = told.sessionId;
  session.info = told.worker;
  session.snapshotFormat = formatOf(told.snapshotFormat, snapshotFormats);
  session.lastHeardAt = now;
  session.connectedAt = told.connectedAt;
  session.silent = false;
  session.pausedUntil = 0;
  session.credits = 0;
  session.offersSeen = 0;
  session.offersSent = 0;
  session.holdings = new Holdings(told.held);
  session.partsSent.clear();
  session.foreign.clear();
  session.keeper = undefined;
  session.link = { send: (message) => toWorker(state, session, message), close: nothing };
  takeState(state, session, told);
  fleet.register(session);
  fleet.connectionsChanged();
  if (told.holds === undefined) {
    // The answer to the first `homes` of this stream says what of them it holds.
    const next = Math.max(1, link.homesSent);
    for (const held of session.tasks.values()) held.unconfirmed = next;
    if (link.holdingsSeen >= next && session.tasks.size > 0) state.askAgain(link);
  } else {
    settleHoldings(state, session, told.holds, (held) => !isOfSession(state, held, told.sessionId));
    // X5
    const named = new Set([...told.holds.running, ...told.holds.unacknowledged].map(taskKey));
    let mustAsk = false;
    for (const held of session.tasks.values()) {
      if (named.has(held.key) || !isOfSession(state, held, told.sessionId)) continue;
      held.unconfirmed = link.homesSent + 1;
      mustAsk = true;
    }
    if (mustAsk) state.askAgain(link);
  }
  state.wishes.changed();
};

/** What the worker of a session is to be told goes to the peer that holds its stream. */
export const toWorker = (state: PeerState, session: WorkerSession, message: CoordinatorMessage): void => {
  if (message.type === 'welcome' || message.type === 'heartbeat_answer' || message.type === 'refused') return;
  const link = session.via === undefined ? undefined : state.streams.link(session.via);
  const { workerId, sessionId } = session;
  link?.send({ type: 'to_worker', workerId, sessionId, message });
};

/** The session that a peer speaks of, if it is still that which the peer holds. */
const sessionAt = (
  { engine }: PeerState,
  link: PeerLink,
  { workerId, sessionId }: { readonly workerId: string; readonly sessionId: string },
): WorkerSession | undefined => {
  const session = engine.fleet.ofWorker(workerId);
  return session?.via === link.coordinatorId && session.sessionId === sessionId ? session : undefined;
};

/** A peer says that a worker's stream no longer ends there. */
export const onWorkerGone = (
  state: PeerState,
  link: PeerLink,
  told: Extract<PeerMessage, { readonly type: 'worker_gone' }>,
): void => {
  const { engine } = state;
  const session = sessionAt(state, link, told);
  if (session === undefined) return;
  switch (told.reason) {
    case 'silent':
      if (session.silent) break;
      session.silent = true;
      session.lastHeardAt = engine.deps.clock.monotonicMs() - 2 * engine.config.heartbeatMs;
      engine.fleet.refresh(session);
      takeBackRepeatSafe(engine, session);
      break;
    case 'stream_broke':
      session.lastHeardAt = engine.deps.clock.monotonicMs();
      detachStream(engine, session);
      break;
    case 'moved':
      session.lastHeardAt = engine.deps.clock.monotonicMs();
      detachStream(engine, session, 'moved', true);
      break;
    case 'exited':
      buryWorker(engine, session, 'worker_exited');
      break;
    case 'drained':
      // Its holder was not asked yet, and may keep results of these (V3).
      if ([...session.tasks.values()].some(({ unconfirmed }) => unconfirmed !== undefined))
        detachStream(engine, session, 'drained', true);
      else buryWorker(engine, session, 'drained');
      break;
    case 'lapsed':
      // Judged here too, by the place, so that a worker that went elsewhere is not lost.
      session.lastHeardAt = Math.min(session.lastHeardAt, engine.deps.clock.monotonicMs() - engine.config.leaseMs);
      detachStream(engine, session, 'lapsed', true);
      break;
  }
};

/** The session of a worker that has no stream anywhere, when this was said by the process that it is known for (V3). */
const goneSession = (
  { engine }: PeerState,
  { workerId, sessionId, message }: Extract<PeerMessage, { readonly type: 'from_worker' }>,
): WorkerSession | undefined => {
  if (message.type !== 'result' && message.type !== 'checkpoint') return undefined;
  const session = engine.fleet.ofWorker(workerId);
  if (session === undefined || session.link !== undefined) return undefined;
  return isSameProcess(session.sessionId, sessionId) ? session : undefined;
};

/** A worker of a peer says something of a run that is at home here. */
export const onFromWorker = (
  state: PeerState,
  link: PeerLink,
  told: Extract<PeerMessage, { readonly type: 'from_worker' }>,
): void => {
  const { engine } = state;
  const { message } = told;
  const session = sessionAt(state, link, told) ?? goneSession(state, told);
  if (session === undefined || message.type === 'hello') {
    engine.deps.meter.count(metric.peerRefused);
    return;
  }
  if (message.type === 'evicted') {
    onWorkerMessage(engine, session, message);
    return;
  }
  const task = message.type === 'result' ? message.result : 'task' in message ? message.task : undefined;
  // Home elsewhere by now, or home here anew: the holder keeps it, and says it when a home says that it is there.
  if (task === undefined || !isReady(state, shardOf(task.runId))) return;
  if (session.link === undefined) {
    const { workerId, sessionId } = told;
    session.keeper = (answer) => link.send({ type: 'to_worker', workerId, sessionId, message: answer });
  }
  onWorkerMessage(engine, session, message);
};

/** V2 */
export const onPeerLost = (state: PeerState, link: PeerLink): void => {
  const { engine } = state;
  for (const session of engine.fleet.sessions) {
    if (session.via !== link.coordinatorId) continue;
    session.lastHeardAt = Math.max(session.lastHeardAt, link.heardAt);
    detachStream(engine, session, 'moved', true);
    forgetIfIdle(engine, session);
  }
};
