import { z } from '@hono/zod-openapi';
import type { CoordinatorStanding } from '@skein/coordinator';
import { errorCatalog, isDomainError } from '@skein/domain';
import type { Context } from 'hono';
import { type ApiApp, type ApiEnv, addRoute, jsonResponse } from '../app/api.ts';
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
      answers: {
        200: { description: 'Ready.', schema: readinessSchema },
        503: { description: 'Not ready, or unknown.', schema: readinessSchema },
      },
    },
    async ({ context }) => {
      const readiness = readinessOf(deps, await isCallerKnown(deps, context));
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

const isCallerKnown = async ({ guard, limits }: RouteDeps, context: Context<ApiEnv>): Promise<boolean> => {
  if (context.req.header('authorization') === undefined) return false;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limits.readinessLookUpMs);
    guard
      .identify(context, 'GET /readyz')
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(() => clearTimeout(timer));
  });
};

interface ShownReadiness {
  readonly status: string;
  readonly checks: { readonly [name: string]: { readonly ok: boolean; readonly detail?: string } };
  readonly coordinator?: CoordinatorStanding;
}

/** A check that itself breaks is `unknown`, never ready. Details of checks are for callers with a token only. */
const readinessOf = (deps: RouteDeps, withDetails: boolean): ShownReadiness => {
  try {
    const { status, checks, coordinator } = deps.coordinator.readiness();
    const shown = Object.entries(checks).map(([name, { ok, detail, error }]) => {
      const said = detail ?? error?.message;
      return [name, withDetails && said !== undefined ? { ok, detail: said } : { ok }] as const;
    });
    return { status, checks: Object.fromEntries(shown), ...(withDetails ? { coordinator } : {}) };
  } catch (error) {
    if (!isDomainError(error)) deps.log.error('readiness check failed', { error });
    return { status: 'unknown', checks: {} };
  }
};
