import type { TenantId } from '@skein/domain';
import type { ExitReport } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { buryWorker } from '../fleet/end-session.ts';

/** A launcher said, here or to a peer, that a worker process is gone: what it held is leased again at once. */
export const takeExit = (engine: Engine, tenant: TenantId, report: ExitReport): void => {
  const named = report.workerId === undefined ? undefined : engine.fleet.ofWorker(report.workerId);
  // A worker id names a process only as long as no other incarnation of it has joined.
  const session = engine.fleet.ofIncarnation(report.incarnation) ?? (named?.info === undefined ? named : undefined);
  if (session !== undefined && session.tenant !== tenant) return;
  engine.fleet.markExited(report.incarnation);
  if (session === undefined) return;
  engine.deps.log.warn('worker exited', {
    workerId: session.workerId,
    exitCode: report.exitCode,
    signal: report.signal,
  });
  buryWorker(engine, session, 'worker_exited');
};
