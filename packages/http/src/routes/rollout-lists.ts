import { z } from '@hono/zod-openapi';
import type { Observation } from '@skein/ports';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toPage } from '../app/page.ts';
import { observationsSchema, resultsSchema, rolloutListSchema, rolloutSchema } from '../schemas/rollout.ts';
import { cursor, limitUpTo, name, queryInteger, rolloutId } from '../schemas/values.ts';

const oneAgent = z.strictObject({ agentId: name });
const tag = 'Rollouts';
const maxPerPage = 100;

/** `page` counts from 1. `perPage`: `false` or 0 is all of them. */
const pageQuery = z.strictObject({
  page: queryInteger(1, 1_000_000_000).optional().openapi({ type: 'integer', minimum: 1, default: 1 }),
  perPage: z
    .string()
    .regex(/^(?:false|\d{1,9})$/, 'must be a whole number, or false for all of them')
    .transform((text): number | false =>
      text === 'false' || Number(text) === 0 ? false : Math.min(Number(text), maxPerPage),
    )
    .optional()
    .openapi({ description: `At most ${maxPerPage}; false or 0: all of them.`, default: '20' }),
});

/** Rollouts that were, what they measured, and the raw observations. */
export const addRolloutListRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents/{agentId}/rollouts',
      operationId: 'listAgentRollouts',
      summary: 'Rollouts of an agent, newest first.',
      tag,
      params: oneAgent,
      query: pageQuery,
      answers: { 200: { description: 'A page of rollouts.', schema: rolloutListSchema } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, await rollouts.list(tenant, params.agentId, query.page ?? 1, query.perPage ?? 20)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/rollouts',
      operationId: 'listRollouts',
      summary: 'Rollouts of all agents, newest first.',
      tag,
      query: pageQuery,
      answers: { 200: { description: 'A page of rollouts.', schema: rolloutListSchema } },
    },
    async ({ tenant, query, context }) =>
      jsonResponse(context, await rollouts.list(tenant, undefined, query.page ?? 1, query.perPage ?? 20)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/rollouts/{rolloutId}',
      operationId: 'readRollout',
      summary: 'One rollout, also one that has ended.',
      tag,
      params: z.strictObject({ rolloutId }),
      answers: { 200: { description: 'The rollout.', schema: rolloutSchema } },
    },
    async ({ tenant, params, context }) => {
      const rollout = await rollouts.read(tenant, params.rolloutId);
      context.header('ETag', `"${rollout.revision}"`);
      return jsonResponse(context, rollout);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents/{agentId}/rollout/results',
      operationId: 'readRolloutResults',
      summary: 'What was measured: of the rollout that is live, else of the last one, or of the one that is named.',
      tag,
      params: oneAgent,
      query: z.strictObject({ rolloutId: rolloutId.optional() }),
      answers: { 200: { description: 'The results; they stay after the end.', schema: resultsSchema } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, await rollouts.results(tenant, params.agentId, query.rolloutId)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents/{agentId}/rollout/observations',
      operationId: 'listObservations',
      summary: 'Raw observations, one per counted unit and metric, in order of assignment.',
      tag,
      params: oneAgent,
      query: z.strictObject({
        rolloutId: rolloutId.optional(),
        metric: z.string().min(1).max(160).optional(),
        limit: limitUpTo(1_000, 100),
        cursor,
      }),
      answers: { 200: { description: 'A page of observations.', schema: observationsSchema } },
    },
    async ({ tenant, params, query, context }) => {
      const page = await rollouts.observations(tenant, params.agentId, {
        limit: query.limit,
        ...(query.rolloutId === undefined ? {} : { rolloutId: query.rolloutId }),
        ...(query.metric === undefined ? {} : { metric: query.metric }),
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      const { items, nextCursor } = toPage(page);
      return jsonResponse(context, {
        items: items.map((item) => shownObservation(item, page.arms)),
        nextCursor,
        rolloutId: page.rolloutId,
        arms: page.arms,
      });
    },
  );
};

const shownObservation = ({ assignedAt, at, ...rest }: Observation, arms: readonly string[]) => ({
  ...rest,
  armLabel: arms[rest.arm] ?? String(rest.arm),
  assignedAt: new Date(assignedAt).toISOString(),
  at: new Date(at).toISOString(),
});
