import type { HttpBindings } from '@hono/node-server';
import type { OpenAPIHono, RouteConfig, z } from '@hono/zod-openapi';
import { type Permission, permissions } from '@skein/coordinator';
import { DomainError, formatTraceparent, type TenantId } from '@skein/domain';
import type { Context } from 'hono';
import { parseJson } from '../body/parse-json.ts';
import { readBody } from '../body/read-body.ts';
import type { Caller } from '../guard/guard.ts';
import { problemContentType, retryAfterSeconds, toProblemDetails } from '../problem/problem-details.ts';
import { problemSchema } from '../schemas/problem.ts';
import { audited, type WriteNote } from './audited.ts';
import type { RouteDeps } from './http-deps.ts';
import { beginRequestSpan, endRequestSpan } from './request-span.ts';
import { validate } from './validate.ts';

/** The Hono environment: Node's own request, when there is one. */
export interface ApiEnv {
  readonly Bindings: Partial<HttpBindings>;
}

/** The app that routes are added to. */
export type ApiApp = OpenAPIHono<ApiEnv>;

/** One answer of a route, for the OpenAPI document. */
export interface RouteAnswer {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly contentType?: string;
}

/** A route as it is declared once: for the router, for validation and for the OpenAPI document. */
export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly maxBodyBytes?: number;
  /** What the audit log names as the target when the path names none and nothing came of the call. */
  readonly targetOf?: (body: z.infer<B>) => string;
  readonly answers: { readonly [status: number]: RouteAnswer };
}

/** One request, validated. */
export interface Call<P, Q, B> {
  readonly tenant: TenantId;
  /** Who calls: the name of the token. */
  readonly by: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly context: Context<ApiEnv>;
  /** What the audit log is to say of a write beside who and what; the params of the path when nothing is set. */
  readonly about: WriteNote;
  /** Where the request is in its trace; present exactly when it is traced. */
  readonly traceparent?: string;
}

type Traced = Pick<Call<never, never, never>, 'traceparent'>;

type Handler<P, Q, B> = (call: Call<P, Q, B>) => Response | Promise<Response>;

/** Adds a route. Errors of any kind leave as problem details; those that are not ours are logged once. */
export const addRoute = <
  P extends z.ZodType = z.ZodType<undefined>,
  Q extends z.ZodType = z.ZodType<undefined>,
  B extends z.ZodType = z.ZodType<undefined>,
>(
  app: ApiApp,
  deps: RouteDeps,
  spec: RouteSpec<P, Q, B>,
  handle: Handler<z.infer<P>, z.infer<Q>, z.infer<B>>,
): void => {
  const labels = { method: spec.method.toUpperCase(), route: spec.path };
  const action = `${labels.method} ${spec.path}`;
  const permission = permissions[action];
  if (permission === undefined) throw new DomainError('internal', `the table of permissions has no ${action}`);
  app.openAPIRegistry.registerPath(documented(spec, permission));
  const isWrite = labels.method !== 'GET' && permission.reads !== true;
  const answer = async (context: Context<ApiEnv>, traced: Traced): Promise<Response> => {
    const named = Object.values(context.req.param()).join('/').slice(0, maxTargetChars);
    const caller = await deps.guard.enter(context, action, permission, async () =>
      named === '' ? targetInBody(context) : named,
    );
    const about: WriteNote = {};
    if (caller === undefined || !isWrite) return call(context, about, caller, traced);
    if (named !== '') about.target = named;
    return audited(deps.coordinator, caller, action, about, () => call(context, about, caller, traced));
  };
  /** Of a call that is refused: a body that is large, or no valid one, names nothing. */
  const targetInBody = async (context: Context<ApiEnv>): Promise<string | undefined> => {
    const { body, targetOf } = spec;
    if (body === undefined || targetOf === undefined) return undefined;
    try {
      return targetOf((await bodyOf(context, body, maxRefusedBytes)) as z.infer<B>).slice(0, maxTargetChars);
    } catch {
      return undefined;
    }
  };
  const call = async (
    context: Context<ApiEnv>,
    about: WriteNote,
    caller: Caller | undefined,
    traced: Traced,
  ): Promise<Response> => {
    const params = spec.params === undefined ? undefined : validate(spec.params, context.req.param(), 'not_found');
    const query = spec.query === undefined ? undefined : validate(spec.query, context.req.query(), 'invalid_argument');
    const body =
      spec.body === undefined
        ? undefined
        : await bodyOf(context, spec.body, spec.maxBodyBytes ?? deps.limits.maxBodyBytes);
    about.asked = spec.targetOf?.(body as z.infer<B>).slice(0, maxTargetChars);
    return handle({
      ...traced,
      tenant: caller?.tenant ?? '',
      by: caller?.by ?? '',
      about,
      params,
      query,
      body,
      context,
    } as Call<z.infer<P>, z.infer<Q>, z.infer<B>>);
  };
  app.on(labels.method, spec.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (context) => {
    const begin = performance.now();
    const span = beginRequestSpan(deps.tracer, context, labels, isWrite);
    let response: Response;
    try {
      response = await answer(context, span === undefined ? {} : { traceparent: formatTraceparent(span.context) });
    } catch (error) {
      response = problemResponse(context, deps, error);
    }
    deps.meter.observe('skein_http_request_seconds', (performance.now() - begin) / 1000, labels);
    deps.meter.count('skein_http_requests_total', 1, { ...labels, status: String(response.status) });
    if (span !== undefined) endRequestSpan(span, response.status);
    return response;
  });
};

/** The answer to a thrown value. */
export const problemResponse = (context: Context<ApiEnv>, deps: RouteDeps, thrown: unknown): Response => {
  const problem = toProblemDetails(thrown);
  if (problem.code === 'internal') {
    deps.log.error('request failed', { method: context.req.method, path: context.req.path, error: thrown });
  }
  const after = retryAfterSeconds(problem);
  if (after !== undefined) context.header('Retry-After', String(after));
  if (problem.status === 401) context.header('WWW-Authenticate', 'Bearer realm="skein"');
  context.header('Content-Type', problemContentType);
  return context.body(JSON.stringify(problem), problem.status as 400);
};

/** A value as a JSON answer. */
export const jsonResponse = (context: Context<ApiEnv>, value: unknown, status = 200): Response => {
  context.header('Content-Type', 'application/json');
  return context.body(JSON.stringify(value), status as 200);
};

/** Longest target in the audit log. */
const maxTargetChars = 256;

/** Longest body of a refused call that is read for its target. */
const maxRefusedBytes = 64 * 1024;

const bodyOf = async (context: Context<ApiEnv>, schema: z.ZodType, maxBytes: number): Promise<unknown> => {
  const text = await readBody(
    {
      headers: { get: (name) => context.req.header(name) },
      ...(context.env?.incoming === undefined ? {} : { incoming: context.env.incoming as never }),
      stream: () => context.req.raw.body,
    },
    maxBytes,
  );
  if (text === '' && schema.safeParse(undefined).success) return validate(schema, undefined, 'invalid_argument');
  const mediaType = (context.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') {
    throw new DomainError('invalid_argument', 'the body must be JSON, sent with Content-Type: application/json', {
      problems: [
        { message: `Content-Type is "${mediaType ?? ''}"`, field: 'Content-Type', expected: 'application/json' },
      ],
    });
  }
  return validate(schema, parseJson(text), 'invalid_argument');
};

const documented = (spec: RouteSpec<z.ZodType, z.ZodType, z.ZodType>, { role }: Permission): RouteConfig => {
  const needsNoToken = role === 'open' || role === 'signed';
  const responses: RouteConfig['responses'] = {};
  for (const [status, answer] of Object.entries(spec.answers)) {
    const schema = answer.schema ?? { type: 'string' as const };
    const contentType = answer.contentType ?? (answer.schema === undefined ? undefined : 'application/json');
    responses[status] = {
      description: answer.description,
      ...(contentType === undefined ? {} : { content: { [contentType]: { schema } } }),
    };
  }
  responses['default'] = {
    description: 'A problem (RFC 9457) with its `code`.',
    content: { [problemContentType]: { schema: problemSchema } },
  };
  return {
    method: spec.method,
    path: spec.path,
    operationId: spec.operationId,
    summary: spec.summary,
    tags: [spec.tag],
    ...(needsNoToken ? {} : { description: `Needs a token with the role ${role}, or one that may more.` }),
    security: needsNoToken ? [] : [{ bearer: [] }],
    request: {
      ...(spec.params === undefined ? {} : { params: spec.params as never }),
      ...(spec.query === undefined ? {} : { query: spec.query as never }),
      ...(spec.body === undefined ? {} : { body: { content: { 'application/json': { schema: spec.body } } } }),
    },
    responses,
  };
};
