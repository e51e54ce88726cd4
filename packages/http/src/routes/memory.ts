import { z } from '@hono/zod-openapi';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage, toPage } from '../app/page.ts';
import {
  foldMemoryBody,
  foldResultSchema,
  memoryDocumentSchema,
  memoryHistorySchema,
  memoryScope,
  memorySummarySchema,
  revertResultSchema,
  setMemoryBody,
} from '../schemas/memory.ts';
import { cursor, limitUpTo, pageOf, queryInteger, runId } from '../schemas/values.ts';
import { addProposalRoutes } from './proposals.ts';

const tag = 'Memory';

/** A text of the largest size, every character of it escaped. */
const maxTextBody = 512 * 1024;

/** Memory scopes, their history, and the proposals to change them. A scope is named in the query, because it may hold a slash. */
export const addMemoryRoutes = (app: ApiApp, deps: RouteDeps): void => {
  addScopeRoutes(app, deps);
  addHistoryRoute(app, deps);
  addProposalRoutes(app, deps);
  addFoldRoutes(app, deps);
};

const addScopeRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/memory',
      operationId: 'listMemory',
      summary: 'Memory scopes with their revisions and sizes.',
      tag,
      query: z.strictObject({ limit: limitUpTo(1_000, 1_000), cursor }),
      answers: { 200: { description: 'A page of scopes.', schema: pageOf(memorySummarySchema) } },
    },
    async ({ tenant, query, context }) => jsonResponse(context, slicePage(await coordinator.listMemory(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/memory/scopes',
      operationId: 'readMemory',
      summary: 'One memory scope as it is now, or as it was at a revision.',
      tag,
      query: z.strictObject({ scope: memoryScope, revision: queryInteger(1, 1_000_000_000).optional() }),
      answers: { 200: { description: 'The memory.', schema: memoryDocumentSchema } },
    },
    async ({ tenant, query, context }) =>
      jsonResponse(context, await coordinator.readMemory(tenant, query.scope, query.revision)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'put',
      path: '/api/memory/scopes',
      operationId: 'setMemory',
      summary: 'Write one memory scope as a whole.',
      tag,
      query: z.strictObject({ scope: memoryScope }),
      body: setMemoryBody,
      maxBodyBytes: maxTextBody,
      answers: { 200: { description: 'The memory as it is now.', schema: memoryDocumentSchema } },
    },
    async ({ tenant, query, body, by, context }) => {
      const { text, expectedRevision } = body;
      const options = expectedRevision === undefined ? { by } : { by, expectedRevision };
      return jsonResponse(context, await coordinator.setMemory(tenant, query.scope, text, options));
    },
  );
};

const addHistoryRoute = (app: ApiApp, deps: RouteDeps): void => {
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/memory/history',
      operationId: 'memoryHistory',
      summary: 'Revisions of one memory scope, newest first.',
      tag,
      query: z.strictObject({ scope: memoryScope, limit: limitUpTo(500, 50), cursor }),
      answers: { 200: { description: 'A page of revisions.', schema: pageOf(memoryHistorySchema) } },
    },
    async ({ tenant, query, context }) =>
      jsonResponse(
        context,
        toPage(await deps.coordinator.memoryHistory(tenant, query.scope, query.limit, query.cursor)),
      ),
  );
};

const addFoldRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/memory/fold',
      operationId: 'foldMemory',
      summary: 'Fold the proposals that wait now, in one scope or in all.',
      tag,
      body: foldMemoryBody,
      answers: {
        200: { description: 'What was folded, by scope.', schema: z.object({ items: z.array(foldResultSchema) }) },
      },
    },
    async ({ tenant, body, context }) =>
      jsonResponse(context, { items: await coordinator.foldNow(tenant, body?.scope) }),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/runs/{runId}/memory/revert',
      operationId: 'revertRunMemory',
      summary: 'Undo all that a run, and the runs that it called, wrote to memory. Doing it twice is fine.',
      tag,
      params: z.strictObject({ runId }),
      body: z.strictObject({}).optional(),
      answers: { 200: { description: 'What was undone, by scope.', schema: revertResultSchema } },
    },
    async ({ tenant, params, by, context }) =>
      jsonResponse(context, await coordinator.revertRun(tenant, params.runId, by)),
  );
};
