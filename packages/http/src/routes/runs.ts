import { z } from '@hono/zod-openapi';
import { DomainError, type JsonObject } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toPage } from '../app/page.ts';
import { readIdempotencyKey } from '../app/read-idempotency-key.ts';
import { readRoutingContext } from '../app/read-routing-context.ts';
import { maxWaitMs, withWait } from '../app/with-wait.ts';
import { cancelRunBody, retryRunBody, runSchema, runStatus, runSummarySchema, submitRunBody } from '../schemas/run.ts';
import { limitUpTo, pageOf, queryInteger, runId, runIdPattern } from '../schemas/values.ts';

const oneRun = z.strictObject({ runId });
const waitQuery = z.strictObject({
  waitMs: queryInteger(0, maxWaitMs).optional().openapi({
    type: 'integer',
    description: 'Wait up to so many milliseconds for the end of the run before answering.',
  }),
});
/** The list is in order of run ids, newest first: its cursor is the last one of the page before. */
const runsCursor = z.string().max(64).regex(runIdPattern, 'is not a cursor of this list').optional();
const tag = 'Runs';

/** Start, list, look at, cancel and retry runs. */
export const addRunRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/runs',
      operationId: 'submitRun',
      summary:
        'Start a run. With an Idempotency-Key header, sending it twice starts one run. The headers Skein-Routing-Context (a JSON object), Skein-Resource-Id and Skein-Thread-Id lie under the fields of routingContext.',
      tag,
      query: waitQuery,
      body: submitRunBody,
      targetOf: ({ dag }) => dag,
      answers: {
        201: { description: 'The new run.', schema: runSchema },
        200: { description: 'The run that this key or fire started earlier.', schema: runSchema },
      },
    },
    async ({ tenant, query, body, about, traceparent, context }) => {
      about.details = { dag: body.dag };
      const { fire, params, routingContext: inBody, ...rest } = body;
      refuseLargeParams(params, deps.limits.maxParamsBytes);
      const idempotencyKey = readIdempotencyKey(context);
      const routingContext = readRoutingContext(context, inBody as JsonObject | undefined);
      return withWait(deps, context, query.waitMs, async (wait) => {
        const { run, created } = await coordinator.submitRun(tenant, {
          ...(rest as { dag: string }),
          ...(params === undefined ? {} : { params: params as never }),
          ...(fire === undefined
            ? {}
            : { fire: { scheduleId: fire.scheduleId, nominalAt: Date.parse(fire.nominalAt) } }),
          ...(routingContext === undefined ? {} : { routingContext }),
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
          ...(traceparent === undefined ? {} : { traceparent }),
        });
        context.header('Location', `/api/runs/${run.runId}`);
        return jsonResponse(
          context,
          wait === undefined ? run : await coordinator.waitRun(tenant, run.runId, wait.waitMs, wait.signal),
          created ? 201 : 200,
        );
      });
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs',
      operationId: 'listRuns',
      summary: 'Runs, newest first.',
      tag,
      query: z.strictObject({
        dag: z.string().min(1).max(64).optional(),
        status: runStatus.optional(),
        parent: runId.optional().openapi({ description: 'Runs that this one called; without it, only roots.' }),
        limit: limitUpTo(500, 50),
        cursor: runsCursor,
      }),
      answers: { 200: { description: 'A page of runs.', schema: pageOf(runSummarySchema) } },
    },
    async ({ tenant, query, context }) => {
      const page = await coordinator.listRuns({
        tenant,
        limit: query.limit,
        ...(query.dag === undefined ? {} : { dag: query.dag }),
        ...(query.status === undefined ? {} : { status: query.status }),
        ...(query.parent === undefined ? {} : { parentRunId: query.parent }),
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      return jsonResponse(context, toPage(page));
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}',
      operationId: 'getRun',
      summary: 'One run with its steps.',
      tag,
      params: oneRun,
      query: waitQuery,
      answers: { 200: { description: 'The run.', schema: runSchema } },
    },
    async ({ tenant, params, query, context }) =>
      withWait(deps, context, query.waitMs, async (wait) =>
        jsonResponse(
          context,
          await (wait === undefined
            ? coordinator.getRun(tenant, params.runId)
            : coordinator.waitRun(tenant, params.runId, wait.waitMs, wait.signal)),
        ),
      ),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/runs/{runId}/cancel',
      operationId: 'cancelRun',
      summary: 'Cancel a run that is not finished.',
      tag,
      params: oneRun,
      body: cancelRunBody,
      answers: { 200: { description: 'The run, now ending.', schema: runSchema } },
    },
    async ({ tenant, params, body, by, context }) =>
      jsonResponse(context, await coordinator.cancelRun(tenant, params.runId, by, body?.message)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/runs/{runId}/retry',
      operationId: 'retryRun',
      summary: 'Start a new run that keeps what succeeded in this one.',
      tag,
      params: oneRun,
      body: retryRunBody,
      answers: { 201: { description: 'The new run.', schema: runSchema } },
    },
    async ({ tenant, params, body, by, traceparent, context }) => {
      const { latest, sameVersions } = body ?? {};
      const idempotencyKey = readIdempotencyKey(context);
      const run = await coordinator.retryRun(tenant, params.runId, {
        by,
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        ...(latest === undefined ? {} : { latest }),
        ...(sameVersions === undefined ? {} : { sameVersions }),
        ...(traceparent === undefined ? {} : { traceparent }),
      });
      context.header('Location', `/api/runs/${run.runId}`);
      return jsonResponse(context, run, 201);
    },
  );
};

const refuseLargeParams = (params: unknown, limit: number): void => {
  if (params === undefined) return;
  const actual = Buffer.byteLength(JSON.stringify(params));
  if (actual > limit) throw new DomainError('too_large', `params are larger than ${limit} bytes`, { limit, actual });
};
