import type { MiddlewareHandler } from 'hono';
import type { ApiEnv } from '../app/api.ts';

const methods = 'GET, POST, PUT, PATCH, DELETE';
const requestHeaders =
  'Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, Skein-Routing-Context, Skein-Resource-Id, Skein-Thread-Id';
const answerHeaders = 'Location, Retry-After, ETag';

/**
 * Lets scripts of these origins read answers; no cookies are involved, a token is still needed. With no origins it does nothing at all.
 * @source https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export const cors = (origins: readonly string[]): MiddlewareHandler<ApiEnv> => {
  const allowed = new Set(origins);
  return async (context, next) => {
    if (allowed.size === 0) return next();
    context.header('Vary', 'Origin', { append: true });
    const origin = context.req.header('origin');
    if (origin === undefined || !allowed.has(origin)) return next();
    context.header('Access-Control-Allow-Origin', origin);
    if (context.req.method !== 'OPTIONS' || context.req.header('access-control-request-method') === undefined) {
      context.header('Access-Control-Expose-Headers', answerHeaders);
      return next();
    }
    context.header('Access-Control-Allow-Methods', methods);
    context.header('Access-Control-Allow-Headers', requestHeaders);
    context.header('Access-Control-Max-Age', '600');
    return context.body(null, 204);
  };
};
