import type { PeerWorker, HeldTask as ToldTask, WorkerGone } from '@skein/ports';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';
import { tellAll } from './peer-state.ts';

/** Digests of a worker's cache that peers are told of, the newest: what is left out may be sent again, no more. */
const maxHeldTold = 512;

/** Tasks that a process gave up; of more than that it is not known any more. */
const maxGaveUp = 1_000;

/** Sessions that peers know of, by the session id under which they do. */
const announced = new WeakMap<WorkerSession, string>();

const holdsOf = (session: WorkerSession): NonNullable<PeerWorker['holds']> => {
  const running: ToldTask[] = [];
  const unacknowledged = [];
  for (const { ref, started, finished } of session.foreign.values()) {
    if (finished) unacknowledged.push(ref);
    else running.push({ ...ref, started });
  }
  for (const { ref, started } of session.tasks.values())
    running.push({ ...ref, started: started === 'yes' || started === 'unknown' });
  return { running, unacknowledged };
};

const peerWorkerOf = (session: WorkerSession, isNew: boolean): PeerWorker | undefined => {
  if (session.info === undefined) return undefined;
  if (session.gaveUp !== undefined && session.gaveUp.size > maxGaveUp) session.gaveUp = undefined;
  return {
    tenant: session.tenant,
    tokenId: session.tokenId,
    worker: session.info,
    sessionId: session.sessionId,
    epoch: session.epoch,
    snapshotFormat: session.snapshotFormat.version,
    held: session.holdings.newest(maxHeldTold),
    connectedAt: session.connectedAt,
    draining: session.draining,
    ...(session.gaveUp === undefined ? {} : { gaveUp: [...session.gaveUp.values()] }),
    ...(isNew ? { holds: holdsOf(session) } : {}),
  };
};

/** Tells peers of a worker whose stream ends here. */
export const announce = (state: PeerState, session: WorkerSession, isNew: boolean): void => {
  if (session.via !== undefined || session.link === undefined) return;
  const worker = peerWorkerOf(session, isNew);
  if (worker === undefined) return;
  announced.set(session, session.sessionId);
  session.gaveUpChanged = false;
  tellAll(state, { type: 'worker', worker });
};

const sendWorker = (link: PeerLink, { workerId, sessionId, silent }: WorkerSession, worker: PeerWorker): void => {
  link.send({ type: 'worker', worker });
  if (silent) link.send({ type: 'worker_gone', workerId, sessionId, reason: 'silent' });
};

/** Tells a peer whose stream has just been opened of every worker. */
export const announceAll = (state: PeerState, link: PeerLink): void => {
  for (const session of state.engine.fleet.sessions) {
    if (session.via !== undefined || session.link === undefined) continue;
    const worker = peerWorkerOf(session, false);
    if (worker === undefined) continue;
    announced.set(session, session.sessionId);
    sendWorker(link, session, worker);
  }
};

/** What was taken from workers meanwhile is said before anybody judges what they never had. */
export const announceGaveUp = (state: PeerState, link: PeerLink): void => {
  for (const session of state.engine.fleet.sessions) {
    if (!session.gaveUpChanged || session.via !== undefined || session.link === undefined) continue;
    const worker = peerWorkerOf(session, false);
    if (worker !== undefined) sendWorker(link, session, worker);
  }
};

/** Tells peers that a worker's stream no longer ends here, or that nothing is heard on it. */
export const gone = (state: PeerState, session: WorkerSession, reason: WorkerGone): void => {
  if (session.via !== undefined || !announced.has(session)) return;
  const { workerId } = session;
  const sessionId = announced.get(session) ?? session.sessionId;
  tellAll(state, { type: 'worker_gone', workerId, sessionId, reason });
  if (reason === 'silent') return;
  announced.delete(session);
  session.foreign.clear();
  state.market.forget(session);
  state.releasePlace(session, reason);
};
