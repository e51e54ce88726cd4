import type { LeaseState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { leaseAt } from '../run/lease-at.ts';
import type { HeldTask, WorkerSession } from './worker-session.ts';

/** End of every session id of a process: by it the log tells one process from another under the same worker id. */
export const processMark = (engine: Engine, incarnation: string): string =>
  `.${engine.deps.hasher.digest(incarnation).slice(-12)}`;

/**
 * A task that the log says was offered to this process, before this coordinator began to drive its run, and that the process has never
 * heard of: the offer did not leave. Without that proof it counts as begun.
 */
export const neverArrived = (
  engine: Engine,
  session: WorkerSession,
  held: Pick<HeldTask, 'started' | 'key' | 'ref'>,
  known?: LeaseState,
): boolean => {
  const { gaveUp, info } = session;
  if (held.started !== 'unknown' || gaveUp === undefined || info === undefined) return false;
  const state = engine.runs.find(held.ref.runId)?.state;
  const lease = known ?? (state === undefined ? undefined : leaseAt(state, held.ref.step));
  const isSameProcess = lease?.sessionId.endsWith(processMark(engine, info.incarnation)) === true;
  return isSameProcess && !gaveUp.has(held.key);
};
