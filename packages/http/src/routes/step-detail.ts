import { z } from '@hono/zod-openapi';
import type { Coordinator } from '@skein/coordinator';
import { DomainError, parseStepPath, type StepView, type TenantId } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toPage } from '../app/page.ts';
import { effectSchema, stepDetailSchema } from '../schemas/step-detail.ts';
import { cursor, limitUpTo, pageOf, queryFlag, runId, stepPath } from '../schemas/values.ts';

/** What the log says of one step, and the effect ledger of a run. */
export const addStepDetailRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}/steps/{stepId}',
      operationId: 'describeStep',
      summary:
        'One step, item or handler with its attempts, turns and tool calls; `transcript=true`: with the texts too.',
      tag: 'Runs',
      params: z.strictObject({ runId, stepId: stepPath }),
      query: z.strictObject({ transcript: queryFlag }),
      answers: { 200: { description: 'The step and its detail.', schema: stepDetailSchema } },
    },
    async ({ tenant, params, query, context }) => {
      const step = await viewOfStep(coordinator, tenant, params.runId, params.stepId);
      const { transcript } = query;
      const detail = await coordinator.describeStep(tenant, params.runId, params.stepId, { transcript });
      return jsonResponse(context, { step, detail });
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}/effects',
      operationId: 'listEffects',
      summary:
        'Tool calls of the run that are not read-only, in order of planning: planned, done, or with an unknown outcome.',
      tag: 'Runs',
      params: z.strictObject({ runId }),
      query: z.strictObject({ limit: limitUpTo(1_000, 100), cursor }),
      answers: { 200: { description: 'A page of the effect ledger.', schema: pageOf(effectSchema) } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, toPage(await coordinator.listEffects(tenant, params.runId, query.limit, query.cursor))),
  );
};

/** The step, item or handler of a path as runs show it. Throws `not_found`. */
const viewOfStep = async (coordinator: Coordinator, tenant: TenantId, run: string, path: string): Promise<StepView> => {
  const { stepId, index } = parseStepPath(path) ?? { stepId: path };
  const found = index === undefined ? await plainStep(coordinator, tenant, run, stepId) : undefined;
  // Items are listed in their order, and the cursor of that list is the index to begin with.
  const item =
    index === undefined
      ? undefined
      : (await coordinator.listItems(tenant, run, stepId, 1, index === 0 ? undefined : String(index))).items[0];
  const view = found ?? (item?.id === path ? item : undefined);
  if (view === undefined) throw new DomainError('not_found', `the run has no step ${path}`, { runId: run, step: path });
  return view;
};

const plainStep = async (
  coordinator: Coordinator,
  tenant: TenantId,
  runOf: string,
  stepId: string,
): Promise<StepView | undefined> => {
  const run = await coordinator.getRun(tenant, runOf);
  return [...run.steps, ...(run.handlers ?? [])].find(({ id }) => id === stepId);
};
