import type { TenantId, WorkerView } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from './worker-session.ts';

const stateOf = (session: WorkerSession): WorkerView['state'] => {
  if (session.link === undefined || session.silent) return 'suspect';
  return session.draining ? 'draining' : 'connected';
};

/** Of runs that are at home at other coordinators. */
const runningElsewhere = ({ foreign }: WorkerSession): number => {
  let running = 0;
  for (const { finished } of foreign.values()) if (!finished) running += 1;
  return running;
};

/** Every worker of the tenant with a stream, or with tasks that may still be claimed. */
export const listWorkers = (engine: Engine, tenant: TenantId): readonly WorkerView[] =>
  engine.fleet.sessions
    .filter((session) => session.tenant === tenant)
    .map((session) => ({
      workerId: session.workerId,
      state: stateOf(session),
      labels: session.info?.labels ?? {},
      slots: session.slots,
      running: session.tasks.size + runningElsewhere(session),
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

/**
 * Tells a worker of the tenant to take nothing new and leave when it is done; again on its next stream, as long as this coordinator lives.
 * Throws `not_found`, also for a worker of another tenant, and `unavailable` while it cannot be told.
 */
export const drainWorker = (engine: Engine, tenant: TenantId, workerId: string): void => {
  const session = engine.fleet.ofWorker(workerId);
  if (session?.tenant !== tenant) throw new DomainError('not_found', `there is no worker ${workerId}`, { workerId });
  if (session.link === undefined)
    throw new DomainError('unavailable', `the worker ${workerId} cannot be reached now`, { workerId });
  session.draining = true;
  if (session.info !== undefined) engine.fleet.markToDrain(tenant, session.info.incarnation);
  engine.fleet.refresh(session);
  session.send({ type: 'drain' });
  engine.peers.announce(session, false);
};
