import { z } from '@hono/zod-openapi';
import type { AgentFreeze } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { freezeSchema } from '../schemas/rollout.ts';
import { freezeBody } from '../schemas/rollout-bodies.ts';
import { name } from '../schemas/values.ts';

const oneAgent = z.strictObject({ agentId: name });
const path = '/api/agents/{agentId}/freeze';
const tag = 'Rollouts';

/** The switch over an agent that sends every run to its active version, whatever a rollout says. */
export const addFreezeRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path,
      operationId: 'readFreeze',
      summary: 'Whether an agent is frozen, by whom and why; null when it is not.',
      tag,
      params: oneAgent,
      answers: { 200: { description: 'The freeze, or null.', schema: freezeSchema.nullable() } },
    },
    async ({ tenant, params, context }) => {
      const freeze = await rollouts.readFreeze(tenant, params.agentId);
      return jsonResponse(context, freeze === undefined ? null : shownFreeze(freeze));
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'put',
      path,
      operationId: 'freezeAgent',
      summary: 'Send every run of an agent to its active version; nothing is counted meanwhile.',
      tag,
      params: oneAgent,
      body: freezeBody,
      answers: { 200: { description: 'The freeze.', schema: freezeSchema } },
    },
    async ({ tenant, by, params, body, context }) =>
      jsonResponse(context, shownFreeze(await rollouts.freeze(tenant, params.agentId, body.reason, { actor: by }))),
  );
  addRoute(
    app,
    deps,
    {
      method: 'delete',
      path,
      operationId: 'unfreezeAgent',
      summary: 'End a freeze; doing it twice is fine.',
      tag,
      params: oneAgent,
      answers: { 204: { description: 'The agent is not frozen.' } },
    },
    async ({ tenant, by, params, context }) => {
      await rollouts.unfreeze(tenant, params.agentId, { actor: by });
      return context.body(null, 204);
    },
  );
};

const shownFreeze = ({ at, ...rest }: AgentFreeze) => ({ ...rest, at: new Date(at).toISOString() });
