import { DomainError, type Step } from '@skein/domain';
import type { Checkpoints, Clock, TaskSink, TaskTransfers } from '@skein/ports';

/** How long an agent may show no progress unless its step says otherwise, ms. Other steps may for ever. */
const defaultAgentMs = 15 * 60_000;

/** Notices an attempt that does nothing any more: one that neither began, nor logged, nor recorded anything for too long. */
export interface ProgressWatch {
  /** The sink of the attempt, watched. */
  sink(sink: TaskSink): TaskSink;
  /** The durable points of the attempt, watched: being asked for one and being answered are both progress. */
  checkpoints(checkpoints: Checkpoints): Checkpoints;
  /** The transfers of the attempt: while one of them waits for the coordinator, it is not the attempt that stands still. */
  transfers(transfers: TaskTransfers): TaskTransfers;
  /** Ends the timer. */
  close(): void;
}

/** Limit of a step, ms; undefined when it may be silent for ever. */
export const noProgressLimitOf = ({ action, noProgressTimeoutMs }: Step): number | undefined => {
  const limit = noProgressTimeoutMs ?? (action.kind === 'agent' ? defaultAgentMs : 0);
  return limit === 0 ? undefined : limit;
};

/**
 * Watches from `started` on, by the monotonic clock; calls `onStalled` at most once, with `deadline_exceeded` and the reason `no_progress`.
 * What an attempt says costs no timer: the one there is looks again when it fires.
 */
export const watchProgress = (clock: Clock, step: Step, onStalled: (error: DomainError) => void): ProgressWatch => {
  const limitMs = noProgressLimitOf(step);
  if (limitMs === undefined) {
    return { sink: (sink) => sink, checkpoints: (own) => own, transfers: (own) => own, close: () => undefined };
  }
  let lastAt: number | undefined;
  let awaited = 0;
  let closed = false;
  let cancel: (() => void) | undefined;
  const look = (): void => {
    const silentMs = clock.monotonicMs() - (lastAt ?? 0);
    if (closed) return;
    if (awaited > 0 || silentMs < limitMs) {
      cancel = clock.after(awaited > 0 ? limitMs : limitMs - silentMs, look);
      return;
    }
    const message = `the step showed no progress for ${limitMs / 1_000} s`;
    onStalled(new DomainError('deadline_exceeded', message, { reason: 'no_progress', limitMs }));
  };
  const touch = (): void => {
    if (lastAt === undefined) cancel = clock.after(limitMs, look);
    lastAt = clock.monotonicMs();
  };
  const awaiting = <T>(begin: () => Promise<T>): Promise<T> => {
    awaited += 1;
    return begin().finally(() => {
      awaited -= 1;
      if (lastAt !== undefined) lastAt = clock.monotonicMs();
    });
  };
  return {
    sink: (sink) => ({
      started: () => {
        touch();
        sink.started();
      },
      log: (bytes, stream) => {
        touch();
        sink.log(bytes, stream);
      },
    }),
    checkpoints: (own) => ({
      ...own,
      record: (entries) => {
        touch();
        return own.record(entries).finally(touch);
      },
    }),
    transfers: (own) => ({
      ...own,
      checkpoint: (index, entries) => awaiting(() => own.checkpoint(index, entries)),
      storeBlob: (bytes) => awaiting(() => own.storeBlob(bytes)),
      fetchBlob: (digest) => awaiting(() => own.fetchBlob(digest)),
    }),
    close: () => {
      closed = true;
      cancel?.();
    },
  };
};
