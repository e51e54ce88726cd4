import { z } from '@hono/zod-openapi';
import type { ReplayInput } from '@skein/coordinator';
import { DomainError } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { replaySchema } from '../schemas/rollout.ts';
import { replayBody } from '../schemas/rollout-bodies.ts';
import { limitUpTo, name, opaqueId } from '../schemas/values.ts';

const oneAgent = z.strictObject({ agentId: name });
const path = '/api/agents/{agentId}/replays';
const tag = 'Rollouts';

/** Recorded steps that are tried again on a candidate, with the recorded answers of tools. */
export const addReplayRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path,
      operationId: 'startReplay',
      summary: 'Try recorded steps again on a candidate and compare pair by pair.',
      tag,
      params: oneAgent,
      body: replayBody,
      answers: { 201: { description: 'The replay.', schema: replaySchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const replay = await rollouts.startReplay(tenant, params.agentId, body as ReplayInput, { actor: by });
      context.header('Location', `/api/agents/${params.agentId}/replays/${encodeURIComponent(replay.id)}`);
      return jsonResponse(context, replay, 201);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path,
      operationId: 'listReplays',
      summary: 'Replays of an agent, newest first.',
      tag,
      params: oneAgent,
      query: z.strictObject({ limit: limitUpTo(100, 20) }),
      answers: { 200: { description: 'The newest ones.', schema: z.object({ items: z.array(replaySchema) }) } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, { items: await rollouts.listReplays(tenant, params.agentId, query.limit) }),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: `${path}/{replayId}`,
      operationId: 'readReplay',
      summary: 'One replay with its pairs.',
      tag,
      params: oneAgent.extend({ replayId: opaqueId }),
      answers: { 200: { description: 'The replay as it is now.', schema: replaySchema } },
    },
    async ({ tenant, params, context }) => {
      const replay = await rollouts.readReplay(tenant, params.replayId);
      if (replay.agentId !== params.agentId) {
        throw new DomainError('not_found', `agent ${params.agentId} has no replay ${params.replayId}`);
      }
      return jsonResponse(context, replay);
    },
  );
};
