import { z } from '@hono/zod-openapi';
import type { RolloutView } from '@skein/coordinator';
import type { Context } from 'hono';
import { type ApiApp, type ApiEnv, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { readRevision, requireRevision } from '../rollout/read-revision.ts';
import { toPatchRollout, toStartRollout } from '../rollout/rollout-input.ts';
import { endedSchema, forecastSchema, rolloutSchema, startedSchema } from '../schemas/rollout.ts';
import {
  activateBody,
  changeBody,
  changeOneBody,
  patchRolloutBody,
  promoteBody,
  startRolloutBody,
} from '../schemas/rollout-bodies.ts';
import { name } from '../schemas/values.ts';

const oneAgent = z.strictObject({ agentId: name });
const path = '/api/agents/{agentId}/rollout';
const tag = 'Rollouts';

/** Start a rollout of an agent, see it, and change how it goes on. */
export const addRolloutRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path,
      operationId: 'getRollout',
      summary: 'The rollout of an agent that is live, else its newest draft, else null.',
      tag,
      params: oneAgent,
      answers: { 200: { description: 'The rollout, or null.', schema: rolloutSchema.nullable() } },
    },
    async ({ tenant, params, context }) => {
      const rollout = await rollouts.current(tenant, params.agentId);
      return rollout === undefined ? jsonResponse(context, null) : shown(context, rollout);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path,
      operationId: 'startRollout',
      summary: 'Start a canary or an experiment, or with `draft` only prepare it.',
      tag,
      params: oneAgent,
      body: startRolloutBody,
      answers: {
        200: { description: 'The rollout, with what recent traffic says of its plan.', schema: startedSchema },
      },
    },
    async ({ tenant, by, params, body, context }) => {
      const { rollout, forecast } = await rollouts.start(tenant, params.agentId, toStartRollout(body), { actor: by });
      context.header('ETag', `"${rollout.revision}"`);
      return jsonResponse(context, { ...rollout, forecast });
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: `${path}/forecast`,
      operationId: 'forecastRollout',
      summary: 'What recent traffic says of a plan; changes nothing.',
      tag,
      params: oneAgent,
      body: startRolloutBody,
      answers: { 200: { description: 'Expected units and days per step, and warnings.', schema: forecastSchema } },
    },
    async ({ tenant, params, body, context }) =>
      jsonResponse(context, await rollouts.forecast(tenant, params.agentId, toStartRollout(body))),
  );
  addRoute(
    app,
    deps,
    {
      method: 'patch',
      path,
      operationId: 'patchRollout',
      summary: 'Set the weight, or change rules, forced units and policies. Needs `revision`, or If-Match.',
      tag,
      params: oneAgent,
      body: patchRolloutBody,
      answers: { 200: { description: 'The rollout as it is now.', schema: rolloutSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const revision = await requireRevision(context, body.revision, () => rollouts.current(tenant, params.agentId));
      const patch = toPatchRollout(body, revision);
      return shown(context, await rollouts.patch(tenant, params.agentId, patch, { actor: by }));
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'delete',
      path,
      operationId: 'cancelRollout',
      summary: 'Cancel it: every run gets the stable version.',
      tag,
      params: oneAgent,
      body: changeOneBody,
      answers: { 200: { description: 'The rollout, cancelled.', schema: endedSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const options = { ...optionsOf(context, body), ...namedOf(body) };
      return ended(context, await rollouts.cancel(tenant, params.agentId, options, { actor: by }));
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: `${path}/activate`,
      operationId: 'activateRollout',
      summary: 'Start a draft: the newest one, or the one that is named.',
      tag,
      params: oneAgent,
      body: activateBody,
      answers: { 200: { description: 'The rollout as it is now.', schema: rolloutSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const options = {
        ...optionsOf(context, body),
        ...namedOf(body),
        ...(body?.force === true ? { force: true } : {}),
      };
      return shown(context, await rollouts.activate(tenant, params.agentId, options, { actor: by }));
    },
  );
  for (const [verb, summary] of verbs) {
    addRoute(
      app,
      deps,
      {
        method: 'post',
        path: `${path}/${verb}`,
        operationId: `${verb}Rollout`,
        summary,
        tag,
        params: oneAgent,
        body: changeBody,
        answers: { 200: { description: 'The rollout as it is now.', schema: rolloutSchema } },
      },
      async ({ tenant, by, params, body, context }) => {
        const options = optionsOf(context, body);
        return shown(context, await rollouts[verb](tenant, params.agentId, options, { actor: by }));
      },
    );
  }
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: `${path}/promote`,
      operationId: 'promoteRollout',
      summary:
        'Make the candidate, or the named winner of an experiment, the active version. Needs `revision`, or If-Match.',
      tag,
      params: oneAgent,
      body: promoteBody,
      answers: { 200: { description: 'The rollout, completed.', schema: endedSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const revision = await requireRevision(context, body?.revision, () => rollouts.current(tenant, params.agentId));
      const options = {
        revision,
        ...(body?.versionId === undefined ? {} : { versionId: body.versionId }),
        ...(body?.reason === undefined ? {} : { reason: body.reason }),
        ...(body?.force === undefined ? {} : { force: body.force }),
      };
      return ended(context, await rollouts.promote(tenant, params.agentId, options, { actor: by }));
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: `${path}/rollback`,
      operationId: 'rollbackRollout',
      summary: 'Take the candidate back. Always allowed; doing it twice is fine.',
      tag,
      params: oneAgent,
      body: changeOneBody,
      answers: { 200: { description: 'The rollout, rolled back.', schema: endedSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const options = { ...optionsOf(context, body), ...namedOf(body) };
      return ended(context, await rollouts.rollback(tenant, params.agentId, options, { actor: by }));
    },
  );
};

const verbs = [
  ['pause', 'Send every run to the stable version for now; the plan stands still.'],
  ['resume', 'Go on after a pause.'],
  ['approve', 'The word of a person that the current step may end.'],
] as const;

const optionsOf = (
  context: Context<ApiEnv>,
  body: { readonly revision?: number | undefined; readonly reason?: string | undefined } | undefined,
): { readonly revision?: number; readonly reason?: string } => {
  const revision = readRevision(context, body?.revision);
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(body?.reason === undefined ? {} : { reason: body.reason }),
  };
};

/** The rollout that is named. */
const namedOf = (body: { readonly rolloutId?: string | undefined } | undefined): { readonly rolloutId?: string } =>
  body?.rolloutId === undefined ? {} : { rolloutId: body.rolloutId };

const shown = (context: Context<ApiEnv>, rollout: RolloutView): Response => {
  context.header('ETag', `"${rollout.revision}"`);
  return jsonResponse(context, rollout);
};

const ended = (context: Context<ApiEnv>, rollout: RolloutView): Response => {
  context.header('ETag', `"${rollout.revision}"`);
  return jsonResponse(context, { success: true, rollout });
};
