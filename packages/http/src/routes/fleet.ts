import { z } from '@hono/zod-openapi';
import { DomainError } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { createdTokenSchema, createTokenBody, tokenSchema, workerSchema } from '../schemas/fleet.ts';
import { cursor, limitUpTo, opaqueId, pageOf } from '../schemas/values.ts';

const tag = 'Fleet';
const listQuery = z.strictObject({ limit: limitUpTo(1_000, 1_000), cursor });

/** Workers and tokens. */
export const addFleetRoutes = (app: ApiApp, deps: RouteDeps): void => {
  addWorkerRoutes(app, deps);
  addTokenRoutes(app, deps);
};

const addWorkerRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/workers',
      operationId: 'listWorkers',
      summary: 'Workers that this coordinator knows.',
      tag,
      query: listQuery,
      answers: { 200: { description: 'A page of workers.', schema: pageOf(workerSchema) } },
    },
    ({ tenant, query, context }) => jsonResponse(context, slicePage(coordinator.listWorkers(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/workers/{workerId}/drain',
      operationId: 'drainWorker',
      summary: 'Let a worker finish what it holds, take nothing new, and leave.',
      tag,
      params: z.strictObject({ workerId: opaqueId }),
      body: z.strictObject({}).optional(),
      answers: { 202: { description: 'The worker was told.', schema: workerSchema } },
    },
    ({ tenant, params, context }) => {
      coordinator.drainWorker(tenant, params.workerId);
      const worker = coordinator.listWorkers(tenant).find((view) => view.workerId === params.workerId);
      if (worker === undefined) throw new DomainError('not_found', 'no worker has this id');
      return jsonResponse(context, worker, 202);
    },
  );
};

const addTokenRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/tokens',
      operationId: 'createToken',
      summary: 'Create a token; its plain text is shown in this answer only.',
      tag,
      body: createTokenBody,
      answers: { 201: { description: 'The token.', schema: createdTokenSchema } },
    },
    async ({ tenant, body, about, context }) => {
      const { role, labels, maxUses } = body;
      const options = {
        ...(role === undefined ? {} : { role }),
        ...(labels === undefined ? {} : { labels }),
        ...(maxUses === undefined ? {} : { maxUses }),
      };
      const { token, view } = await coordinator.createToken(tenant, body.kind, body.name, body.ttlMs, options);
      about.target = view.tokenId;
      about.details = { kind: view.kind, ...(view.role === undefined ? {} : { role: view.role }), ...options };
      return jsonResponse(context, { ...view, token }, 201);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/tokens',
      operationId: 'listTokens',
      summary: 'Tokens, without their secrets.',
      tag,
      query: listQuery,
      answers: { 200: { description: 'A page of tokens.', schema: pageOf(tokenSchema) } },
    },
    async ({ tenant, query, context }) => jsonResponse(context, slicePage(await coordinator.listTokens(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'delete',
      path: '/api/tokens/{tokenId}',
      operationId: 'revokeToken',
      summary: 'Revoke a token; doing it twice is fine.',
      tag,
      params: z.strictObject({ tokenId: opaqueId }),
      answers: { 204: { description: 'The token no longer works.' } },
    },
    async ({ tenant, params, context }) => {
      await coordinator.revokeToken(tenant, params.tokenId);
      return context.body(null, 204);
    },
  );
};
