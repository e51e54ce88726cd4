import { isDomainError } from '@skein/domain';
import type { Context } from 'hono';
import type { ApiEnv } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { createEventStream, type EventStreamOptions } from './event-stream.ts';

/**
 * A stream as an answer: takes one of the places for streams, and gives it back when the stream is over. One whose token was revoked, or
 * expired, ends with the next heartbeat. Throws `resource_exhausted`.
 */
export const streamResponse = <T>(
  context: Context<ApiEnv>,
  deps: RouteDeps,
  options: Pick<EventStreamOptions<T>, 'open' | 'encode' | 'encodeError' | 'heartbeat'>,
): Response => {
  // Nobody reads, or cancels, the body of an answer to HEAD.
  if (context.req.method === 'HEAD') return context.body(null);
  const { heartbeatMs, stallMs } = deps.limits;
  const leave = deps.streams.take();
  const authorization = context.req.header('authorization');
  const shut = new AbortController();
  const check = setInterval(() => {
    void deps.guard.isStillGood(authorization).then((isGood) => {
      if (!isGood) shut.abort();
    });
  }, heartbeatMs).unref();
  const onEnd = () => {
    clearInterval(check);
    leave();
  };
  const outgoing = context.env?.outgoing;
  const cut = (reason: unknown) => {
    if (!isDomainError(reason)) deps.log.error('a stream failed', { path: context.req.path, error: reason });
    outgoing?.destroy();
  };
  return context.body(
    createEventStream<T>({
      ...options,
      heartbeatMs,
      stallMs,
      signal: AbortSignal.any([deps.stopping, shut.signal]),
      onEnd,
      ...(outgoing === undefined ? {} : { cut }),
    }),
  );
};
