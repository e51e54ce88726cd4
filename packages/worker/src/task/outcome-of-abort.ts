import { isDomainError, type TaskOutcome, toErrorData } from '@skein/domain';

/**
 * How an attempt that was aborted ends: its own time limit is a failure; handed back by a worker that leaves, it is released,
 * but only if no step code ran; anything else cancelled it.
 */
export const outcomeOfAbort = (reason: unknown, started: boolean): TaskOutcome => {
  if (isDomainError(reason) && reason.code === 'deadline_exceeded') {
    return { status: 'failed', error: toErrorData(reason) };
  }
  if (isDomainError(reason) && reason.code === 'unavailable' && !started) {
    return { status: 'released', error: toErrorData(reason) };
  }
  return { status: 'cancelled' };
};
