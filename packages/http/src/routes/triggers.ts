import { z } from '@hono/zod-openapi';
import { isDomainError } from '@skein/domain';
import type { Context } from 'hono';
import { type ApiApp, type ApiEnv, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { readBody } from '../body/read-body.ts';
import { createdTriggerSchema, createTriggerBody, triggeredSchema, triggerSchema } from '../schemas/security.ts';
import { cursor, limitUpTo, opaqueId, pageOf } from '../schemas/values.ts';

const tag = 'Triggers';
const path = '/api/triggers';
const oneTrigger = z.strictObject({ triggerId: opaqueId });

/** Runs that are started by signed requests of others. */
export const addTriggerRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { triggers } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path,
      operationId: 'createTrigger',
      summary: 'Create a webhook trigger; its secret is shown in this answer only.',
      tag,
      body: createTriggerBody,
      answers: { 201: { description: 'The trigger.', schema: createdTriggerSchema } },
    },
    async ({ tenant, by, body, about, context }) => {
      const { params, ...rest } = body;
      const { view, secret } = await triggers.create(
        tenant,
        { ...rest, ...(params === undefined ? {} : { params }) },
        by,
      );
      about.target = view.triggerId;
      about.details = { dag: view.dag };
      return jsonResponse(context, { ...view, secret }, 201);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path,
      operationId: 'listTriggers',
      summary: 'Triggers, without their secrets.',
      tag,
      query: z.strictObject({ limit: limitUpTo(1_000, 1_000), cursor }),
      answers: { 200: { description: 'A page of triggers.', schema: pageOf(triggerSchema) } },
    },
    async ({ tenant, query, context }) => jsonResponse(context, slicePage(await triggers.list(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'delete',
      path: `${path}/{triggerId}`,
      operationId: 'revokeTrigger',
      summary: 'Revoke a trigger: it starts no more runs.',
      tag,
      params: oneTrigger,
      answers: { 204: { description: 'It is gone.' } },
    },
    async ({ tenant, params, context }) => {
      await triggers.revoke(tenant, params.triggerId);
      return context.body(null, 204);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: `${path}/{triggerId}`,
      operationId: 'fireTrigger',
      summary:
        'Start a run by a request signed after Standard Webhooks: the headers webhook-id, webhook-timestamp and webhook-signature. The same webhook-id again is the same run.',
      tag,
      answers: {
        201: { description: 'A run was started.', schema: triggeredSchema },
        200: { description: 'The run that this webhook-id started earlier.', schema: triggeredSchema },
      },
    },
    ({ context, traceparent }) => fire(deps, context, traceparent),
  );
};

const action = `POST ${path}/{triggerId}`;

const fire = async (deps: RouteDeps, context: Context<ApiEnv>, traceparent: string | undefined): Promise<Response> => {
  const { coordinator, guard, limits } = deps;
  await guard.requireUnblocked(context);
  const triggerId = (context.req.param('triggerId') ?? '').slice(0, 200);
  const body = await readBody(
    {
      headers: { get: (name) => context.req.header(name) },
      ...(context.env?.incoming === undefined ? {} : { incoming: context.env.incoming as never }),
      stream: () => context.req.raw.body,
    },
    limits.maxParamsBytes,
  );
  let accepted: Awaited<ReturnType<typeof coordinator.triggers.accept>>;
  try {
    accepted = await coordinator.triggers.accept(triggerId, {
      id: context.req.header('webhook-id'),
      timestamp: context.req.header('webhook-timestamp'),
      signature: context.req.header('webhook-signature'),
      body,
    });
  } catch (thrown) {
    return guard.refuse(context, action, thrown, triggerId);
  }
  const note = await coordinator.audit.open();
  const end = (outcome: string, target: string) =>
    note({
      tenant: accepted.tenant,
      actor: { kind: 'trigger', id: accepted.triggerId, name: accepted.name },
      action,
      target,
      outcome,
    });
  try {
    const { run, created } = await coordinator.submitRun(accepted.tenant, {
      ...accepted.submit,
      ...(traceparent === undefined ? {} : { traceparent }),
    });
    end('done', run.runId);
    return jsonResponse(context, { runId: run.runId, created }, created ? 201 : 200);
  } catch (thrown) {
    end(isDomainError(thrown) ? thrown.code : 'internal', accepted.submit.dag);
    throw thrown;
  }
};
