import { parseTraceparent } from '@skein/domain';
import { type Span, spanAttribute, type Tracer } from '@skein/ports';
import type { Context } from 'hono';
import type { ApiEnv } from './api.ts';

/**
 * The span of a request: of every write, and of a read that says in which trace it belongs; others are many and lead nowhere.
 * Undefined for the rest, and where nothing is traced.
 */
export const beginRequestSpan = (
  tracer: Tracer | undefined,
  context: Context<ApiEnv>,
  { method, route }: { readonly method: string; readonly route: string },
  isWrite: boolean,
): Span | undefined => {
  if (tracer === undefined || !tracer.isOn) return undefined;
  const parent = parseTraceparent(context.req.header('traceparent'));
  if (parent === undefined && !isWrite) return undefined;
  const attributes = { [spanAttribute.httpMethod]: method, [spanAttribute.httpRoute]: route };
  return tracer.begin(`${method} ${route}`, {
    kind: 'server',
    attributes,
    ...(parent === undefined ? {} : { parent }),
  });
};

/** Only what the server is to blame for is an error of a server's span. */
export const endRequestSpan = (span: Span, status: number): void => {
  span.set({ [spanAttribute.httpStatus]: status });
  span.end(status >= 500 ? String(status) : undefined);
};
