import { DomainError } from '@skein/domain';

/** Options of `createEventStream`. */
export interface EventStreamOptions<T> {
  /** Starts the source; called at the first read, so that a stream that nobody reads costs nothing. */
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  /** One event as it is sent, with its blank line. */
  readonly encode: (event: T) => string | Uint8Array;
  /** The last event when the source fails; absent: the stream is cut, so that the reader sees it is not whole. */
  readonly encodeError?: (thrown: unknown) => string;
  /** Sent when nothing else was for `heartbeatMs`; nothing if empty. */
  readonly heartbeat: string;
  readonly heartbeatMs: number;
  /** The stream ends when its reader takes nothing for so long. */
  readonly stallMs: number;
  /** Ends the stream from outside, for example when the server stops. */
  readonly signal: AbortSignal;
  /** Breaks the connection of a stream that failed or stalled; absent: the stream itself becomes an error. */
  readonly cut?: (reason: unknown) => void;
  /** Called once, when the stream is over for whatever reason. */
  readonly onEnd: () => void;
}

/**
 * An iterable as a byte stream that is pulled: the next event is asked for only when the reader took the last one, so a slow
 * reader holds back nobody but itself. The source is aborted when the reader leaves.
 */
export const createEventStream = <T>(options: EventStreamOptions<T>): ReadableStream<Uint8Array> => {
  const encoder = new TextEncoder();
  const abort = new AbortController();
  let iterator: AsyncIterator<T> | undefined;
  let pending: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  let stalled: NodeJS.Timeout | undefined;
  const onAbort = () => abort.abort();
  const end = () => {
    if (ended) return;
    ended = true;
    clearTimeout(stalled);
    options.signal.removeEventListener('abort', onAbort);
    abort.abort();
    // A source that is suspended between two events cleans up only when it is told to return.
    iterator?.return?.().catch(() => undefined);
    options.onEnd();
  };
  const breakOff = (controller: ReadableStreamDefaultController<Uint8Array>, reason: unknown) => {
    // Only this message can reach the reader.
    if (options.cut === undefined) controller.error(new Error('the stream ended early', { cause: reason }));
    else {
      options.cut(reason);
      controller.close();
    }
    end();
  };
  if (options.signal.aborted) abort.abort();
  else options.signal.addEventListener('abort', onAbort, { once: true });
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        clearTimeout(stalled);
        const send = (bytes: Uint8Array) => {
          controller.enqueue(bytes);
          // From here to the next pull it is the reader's turn.
          stalled = setTimeout(() => {
            breakOff(controller, new DomainError('deadline_exceeded', 'the reader took nothing for too long'));
          }, options.stallMs).unref();
        };
        try {
          iterator ??= options.open(abort.signal)[Symbol.asyncIterator]();
          pending ??= iterator.next();
          const next = await firstOf(pending, options.heartbeatMs, abort.signal);
          if (next === 'quiet') {
            // A pull without a chunk is not repeated, so even an empty heartbeat is sent.
            send(encoder.encode(options.heartbeat));
            return;
          }
          pending = undefined;
          if (next === 'aborted' || next.done === true) {
            controller.close();
            end();
            return;
          }
          const sent = options.encode(next.value);
          send(typeof sent === 'string' ? encoder.encode(sent) : sent);
        } catch (error) {
          if (ended) return;
          if (options.encodeError === undefined) {
            breakOff(controller, error);
            return;
          }
          controller.enqueue(encoder.encode(options.encodeError(error)));
          controller.close();
          end();
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
};

const firstOf = <T>(next: Promise<T>, ms: number, signal: AbortSignal): Promise<T | 'quiet' | 'aborted'> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(() => resolve('quiet')), ms);
    timer.unref();
    const onAbort = () => settle(() => resolve('aborted'));
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    next.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
