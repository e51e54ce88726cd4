import type { RecordedResult } from './run-fact.ts';

/**
 * True when another attempt follows, and begins at turn 0: the transcript is dropped, and what it had read is unread again. After
 * `unavailable` the next attempt goes on from where this one was: what was away may be there again.
 */
export const beginsAnew = ({
  result: { outcome },
  retryAt,
}: {
  readonly result: RecordedResult;
  readonly retryAt?: number;
}): boolean => retryAt !== undefined && outcome.status === 'failed' && outcome.error.code !== 'unavailable';
