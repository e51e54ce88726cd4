import type { LeaseState } from '@skein/domain';
import type { WorkerSession } from './worker-session.ts';

/** Characters at the end of a session id that are the same for all sessions of one process, and of no other. */
const markLength = 13;

const markOf = (sessionId: string): string => sessionId.slice(-markLength);

/** Whether two session ids are of one process. */
export const isSameProcess = (a: string, b: string): boolean => markOf(a) === markOf(b);

/**
 * Whether a lease was given to the process behind this session: a worker id alone is a name that another process could take, the mark of
 * its incarnation in the session's id is not.
 */
export const isLeaseOf = (lease: Pick<LeaseState, 'workerId' | 'sessionId'>, session: WorkerSession): boolean =>
  lease.workerId === session.workerId && isSameProcess(lease.sessionId, session.sessionId);
