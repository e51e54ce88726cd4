import { OpenAPIHono } from '@hono/zod-openapi';
import { DomainError } from '@skein/domain';
import { cors } from '../guard/cors.ts';
import { addAgentRoutes } from '../routes/agents.ts';
import { addApprovalRoutes } from '../routes/approvals.ts';
import { addAuditRoutes } from '../routes/audit.ts';
import { addDeliveryRoutes } from '../routes/delivery.ts';
import { addFleetRoutes } from '../routes/fleet.ts';
import { addFreezeRoutes } from '../routes/freeze.ts';
import { addHealthRoutes } from '../routes/health.ts';
import { addMemoryRoutes } from '../routes/memory.ts';
import { addMessageRoutes } from '../routes/messages.ts';
import { addProjectRoutes } from '../routes/project.ts';
import { addReplayRoutes } from '../routes/replays.ts';
import { addRolloutEventRoutes } from '../routes/rollout-events.ts';
import { addRolloutListRoutes } from '../routes/rollout-lists.ts';
import { addRolloutWatchRoute } from '../routes/rollout-watch.ts';
import { addRolloutRoutes } from '../routes/rollouts.ts';
import { addRunEventRoutes } from '../routes/run-events.ts';
import { addRunStepRoutes } from '../routes/run-steps.ts';
import { addRunRoutes } from '../routes/runs.ts';
import { addScoreRoutes } from '../routes/scores.ts';
import { addSecretRoutes } from '../routes/secrets.ts';
import { addSnapshotRoutes } from '../routes/snapshots.ts';
import { addStepDetailRoutes } from '../routes/step-detail.ts';
import { addTriggerRoutes } from '../routes/triggers.ts';
import { type ApiApp, type ApiEnv, problemResponse } from './api.ts';
import type { RouteDeps } from './http-deps.ts';

/** The same for every answer: nothing is sniffed, framed, cached or referred. */
const securityHeaders = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Cache-Control', 'no-store'],
] as const;

/** All routes as one app. A request to it needs no socket, which is how most tests use it. */
export const createApp = (deps: RouteDeps): ApiApp => {
  const app = new OpenAPIHono<ApiEnv>({ strict: true });
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.use('*', async (context, next) => {
    for (const [name, value] of securityHeaders) context.header(name, value);
    if (context.req.url.startsWith('https:')) context.header('Strict-Transport-Security', 'max-age=31536000');
    await next();
  });
  app.use('*', cors(deps.corsOrigins));
  addHealthRoutes(app, deps);
  addRunRoutes(app, deps);
  addRunEventRoutes(app, deps);
  addRunStepRoutes(app, deps);
  addStepDetailRoutes(app, deps);
  addMessageRoutes(app, deps);
  addApprovalRoutes(app, deps);
  addDeliveryRoutes(app, deps);
  addProjectRoutes(app, deps);
  addAgentRoutes(app, deps);
  addMemoryRoutes(app, deps);
  addSnapshotRoutes(app, deps);
  addFleetRoutes(app, deps);
  addRolloutRoutes(app, deps);
  addRolloutListRoutes(app, deps);
  addRolloutWatchRoute(app, deps);
  addRolloutEventRoutes(app, deps);
  addFreezeRoutes(app, deps);
  addReplayRoutes(app, deps);
  addScoreRoutes(app, deps);
  addAuditRoutes(app, deps);
  addSecretRoutes(app, deps);
  addTriggerRoutes(app, deps);
  addOpenApiDocument(app, deps);
  addFallback(app, deps);
  return app;
};

const addOpenApiDocument = (app: ApiApp, deps: RouteDeps): void => {
  let document: string | undefined;
  app.get('/openapi.json', async (context) => {
    try {
      await deps.guard.identify(context, 'GET /openapi.json');
    } catch (error) {
      return problemResponse(context, deps, error);
    }
    document ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'Skein', version: deps.version ?? '0.1.0', description: 'Durable DAG runs for agents.' },
        security: [{ bearer: [] }],
      }),
    );
    context.header('Content-Type', 'application/json');
    return context.body(document);
  });
};

/** Unknown paths, and known paths with another method: both need a token first, then are `not_found`. */
const addFallback = (app: ApiApp, deps: RouteDeps): void => {
  app.notFound(async (context) => {
    deps.meter.count('skein_http_requests_total', 1, {
      method: methodLabel(context.req.method),
      route: 'none',
      status: '404',
    });
    try {
      await deps.guard.identify(context, `${methodLabel(context.req.method)} none`);
    } catch (error) {
      return problemResponse(context, deps, error);
    }
    const allowed = methodsOf(app, context.req.path);
    if (allowed.length === 0) {
      return problemResponse(context, deps, new DomainError('not_found', 'there is nothing at this path'));
    }
    context.header('Allow', allowed.join(', '));
    const message = `this path does not take ${methodLabel(context.req.method)}, only ${allowed.join(', ')}`;
    return problemResponse(context, deps, new DomainError('not_found', message, { allowed }));
  });
  app.onError((error, context) => problemResponse(context, deps, error));
};

const methodLabel = (method: string): string =>
  /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method) ? method : 'other';

const methodsOf = (app: ApiApp, path: string): string[] => {
  const given = path.split('/');
  const matches = (pattern: string) => {
    const parts = pattern.split('/');
    return parts.length === given.length && parts.every((part, at) => part.startsWith(':') || part === given[at]);
  };
  const methods = app.routes
    .filter((route) => route.method !== 'ALL' && matches(route.path))
    .map((route) => route.method);
  return [...new Set(methods)].toSorted();
};
