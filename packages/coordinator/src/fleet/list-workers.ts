import type { WorkerView } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from './worker-session.ts';

const stateOf = (session: WorkerSession): WorkerView['state'] => {
  if (session.link === undefined || session.silent) return 'suspect';
  return session.draining ? 'draining' : 'connected';
};

/** Every worker with a stream, or with tasks that may still be claimed. */
export const listWorkers = (engine: Engine): readonly WorkerView[] =>
  engine.fleet.sessions
    .map((session) => ({
      workerId: session.workerId,
      state: stateOf(session),
      labels: session.info?.labels ?? {},
      slots: session.slots,
      running: session.tasks.size,
      pid: session.info?.pid ?? 0,
      hostname: session.info?.hostname ?? '',
      version: session.info?.version ?? '',
      connectedAt: new Date(session.connectedAt).toISOString(),
      tasks: session.offered,
      snapshotsReceived: session.transfers.snapshots,
      snapshotBytesReceived: session.transfers.received,
      snapshotBytesSaved: session.transfers.saved,
    }))
    .sort((a, b) => (a.workerId < b.workerId ? -1 : 1));

/** Tells a worker to take nothing new and leave when it is done. Throws `not_found`. */
export const drainWorker = (engine: Engine, workerId: string): void => {
  const session = engine.fleet.ofWorker(workerId);
  if (session === undefined) throw new DomainError('not_found', `there is no worker ${workerId}`, { workerId });
  session.draining = true;
  engine.fleet.refresh(session);
  session.send({ type: 'drain' });
};
