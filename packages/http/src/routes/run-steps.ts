import { z } from '@hono/zod-openapi';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toPage } from '../app/page.ts';
import { stepSchema } from '../schemas/run.ts';
import { cursor, jsonValue, limitUpTo, pageOf, queryFlag, queryInteger, runId, stepPath } from '../schemas/values.ts';
import { streamResponse } from '../stream/stream-response.ts';
import { followLog } from './follow-log.ts';

const oneStep = z.strictObject({ runId, stepId: stepPath });
const tag = 'Runs';
const maxLogPage = 1024 * 1024;

/** Items, logs and outputs of steps. */
export const addRunStepRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}/steps/{stepId}/items',
      operationId: 'listItems',
      summary: 'Items of a fan-out step, in item order.',
      tag,
      params: oneStep,
      query: z.strictObject({ limit: limitUpTo(1_000, 100), cursor }),
      answers: { 200: { description: 'A page of items.', schema: pageOf(stepSchema) } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(
        context,
        toPage(await coordinator.listItems(tenant, params.runId, params.stepId, query.limit, query.cursor)),
      ),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}/steps/{stepId}/outputs/{name}',
      operationId: 'readOutput',
      summary: 'One output in full, also a large one. `stdout` is a name too.',
      tag,
      params: oneStep.extend({ name: z.string().min(1).max(128) }),
      answers: { 200: { description: 'The value.', schema: z.object({ name: z.string(), value: jsonValue }) } },
    },
    async ({ tenant, params, context }) => {
      const value = await coordinator.readOutput(tenant, params.runId, params.stepId, params.name);
      return jsonResponse(context, { name: params.name, value });
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}/steps/{stepId}/log',
      operationId: 'readLog',
      summary: 'Log of an attempt (the latest by default). With `follow=true` the answer ends with the attempt.',
      tag,
      params: oneStep,
      query: z.strictObject({
        attempt: queryInteger(1, 1_000_000).optional(),
        offset: queryInteger(0, Number.MAX_SAFE_INTEGER).optional(),
        limit: limitUpTo(maxLogPage, maxLogPage),
        follow: queryFlag,
      }),
      answers: {
        200: {
          description:
            'Bytes of the log. Skein-Log-Next is the offset to go on from; Skein-Log-Complete says whether more may come.',
          contentType: 'text/plain',
        },
      },
    },
    async ({ tenant, params, query, context }) => {
      const offset = query.offset ?? 0;
      const read = (from: number, attempt: number | undefined) =>
        coordinator.readLog(tenant, params.runId, params.stepId, {
          offset: from,
          limit: query.limit,
          ...(attempt === undefined ? {} : { attempt }),
        });
      const first = await read(offset, query.attempt);
      context.header('Content-Type', 'text/plain; charset=utf-8');
      context.header('Skein-Log-Attempt', String(first.attempt));
      if (!query.follow) {
        context.header('Skein-Log-Next', String(first.next));
        context.header('Skein-Log-Complete', String(first.complete));
        return context.body(first.bytes as Uint8Array<ArrayBuffer>);
      }
      return streamResponse<Uint8Array>(context, deps, {
        open: (signal) => followLog(first, query.attempt, read, deps.limits.logPollMs, signal),
        encode: (bytes) => bytes,
        heartbeat: '',
      });
    },
  );
};
