import { z } from '@hono/zod-openapi';
import { errorCatalog, isDomainError } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import { authenticate } from '../app/authenticate.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { readinessSchema } from '../schemas/fleet.ts';

const tag = 'Health';

/** Alive, ready, and measured. */
export const addHealthRoutes = (app: ApiApp, deps: RouteDeps): void => {
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/healthz',
      operationId: 'health',
      summary: 'The process answers.',
      tag,
      open: true,
      answers: { 200: { description: 'Alive.', schema: z.object({ status: z.literal('ok') }) } },
    },
    ({ context }) => jsonResponse(context, { status: 'ok' }),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/readyz',
      operationId: 'readiness',
      summary: 'The coordinator can do its work. With a token, each check says what it found.',
      tag,
      open: true,
      answers: {
        200: { description: 'Ready.', schema: readinessSchema },
        503: { description: 'Not ready, or unknown.', schema: readinessSchema },
      },
    },
    async ({ context }) => {
      const readiness = readinessOf(deps, await isCallerKnown(deps, context.req.header('authorization')));
      return jsonResponse(context, readiness, readiness.status === 'ready' ? 200 : errorCatalog.unavailable.http);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/metrics',
      operationId: 'metrics',
      summary: "Metrics in Prometheus' text format.",
      tag,
      answers: { 200: { description: 'Metrics.', contentType: 'text/plain' } },
    },
    async ({ context }) => {
      context.header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
      return context.body(await deps.metricsText());
    },
  );
};

const isCallerKnown = async ({ coordinator }: RouteDeps, header: string | undefined): Promise<boolean> => {
  if (header === undefined) return false;
  return authenticate(coordinator, header).then(
    () => true,
    () => false,
  );
};

interface ShownReadiness {
  readonly status: string;
  readonly checks: { readonly [name: string]: { readonly ok: boolean; readonly detail?: string } };
}

/** A check that itself breaks is `unknown`, never ready. Details of checks are for callers with a token only. */
const readinessOf = (deps: RouteDeps, withDetails: boolean): ShownReadiness => {
  try {
    const { status, checks } = deps.coordinator.readiness();
    const shown = Object.entries(checks).map(([name, { ok, detail, error }]) => {
      const said = detail ?? error?.message;
      return [name, withDetails && said !== undefined ? { ok, detail: said } : { ok }] as const;
    });
    return { status, checks: Object.fromEntries(shown) };
  } catch (error) {
    if (!isDomainError(error)) deps.log.error('readiness check failed', { error });
    return { status: 'unknown', checks: {} };
  }
};
