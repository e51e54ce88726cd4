import type { Context } from 'hono';
import type { ApiEnv } from './api.ts';
import type { RouteDeps } from './http-deps.ts';

/** Longest wait of one call, in ms. */
export const maxWaitMs = 60_000;

/**
 * Calls `answer` with the signal that ends its wait, if the caller asked to wait; a place for the wait is taken before anything is done.
 * The wait ends early when the caller leaves or the server stops. Throws `resource_exhausted`.
 */
export const withWait = async (
  { stopping, waits }: Pick<RouteDeps, 'stopping' | 'waits'>,
  context: Context<ApiEnv>,
  waitMs: number | undefined,
  answer: (wait: { readonly waitMs: number; readonly signal: AbortSignal } | undefined) => Promise<Response>,
): Promise<Response> => {
  if (waitMs === undefined || waitMs === 0) return answer(undefined);
  const leave = waits.take();
  try {
    return await answer({ waitMs, signal: AbortSignal.any([context.req.raw.signal, stopping]) });
  } finally {
    leave();
  }
};
