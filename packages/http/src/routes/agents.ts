import { z } from '@hono/zod-openapi';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { agentDiffSchema, agentSummarySchema, agentVersionSchema } from '../schemas/project.ts';
import { cursor, limitUpTo, name, pageOf, version } from '../schemas/values.ts';

const tag = 'Agents';
const listQuery = z.strictObject({ limit: limitUpTo(1_000, 100), cursor });

/** Agents and their versions. */
export const addAgentRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents',
      operationId: 'listAgents',
      summary: 'Agents with their active version.',
      tag,
      query: listQuery,
      answers: { 200: { description: 'A page of agents.', schema: pageOf(agentSummarySchema) } },
    },
    async ({ tenant, query, context }) => jsonResponse(context, slicePage(await coordinator.listAgents(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents/{agentId}/versions',
      operationId: 'listVersions',
      summary: 'Versions of an agent.',
      tag,
      params: z.strictObject({ agentId: name }),
      query: listQuery,
      answers: { 200: { description: 'A page of versions.', schema: pageOf(agentVersionSchema) } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, slicePage(await coordinator.listVersions(tenant, params.agentId), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/agents/{agentId}/versions/{versionId}/activate',
      operationId: 'activateVersion',
      summary: 'Make a version (id, alias, or at least 6 hex digits of the id) the active one.',
      tag,
      params: z.strictObject({ agentId: name, versionId: version }),
      body: z.strictObject({}).optional(),
      answers: { 200: { description: 'The active version.', schema: agentVersionSchema } },
    },
    async ({ tenant, by, params, context }) =>
      jsonResponse(context, await coordinator.activateVersion(tenant, params.agentId, params.versionId, by)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents/{agentId}/diff',
      operationId: 'diffVersions',
      summary: 'How two versions of an agent differ, with all that they refer to.',
      tag,
      params: z.strictObject({ agentId: name }),
      query: z.strictObject({ from: version, to: version }),
      answers: { 200: { description: 'The changes, in reading order.', schema: agentDiffSchema } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, await coordinator.diffAgentVersions(tenant, params.agentId, query.from, query.to)),
  );
};
