import { z } from '@hono/zod-openapi';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { rotationSchema, secretName, setSecretBody, storedSecretSchema } from '../schemas/security.ts';
import { cursor, limitUpTo, pageOf } from '../schemas/values.ts';

const tag = 'Security';
const oneSecret = z.strictObject({ name: secretName });

/** Secrets at rest. No answer holds a value. */
export const addSecretRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { secrets } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'put',
      path: '/api/secrets/{name}',
      operationId: 'setSecret',
      summary: 'Store a secret, encrypted; the next task that asks for it gets this value.',
      tag,
      params: oneSecret,
      body: setSecretBody,
      answers: { 200: { description: 'Stored.', schema: storedSecretSchema } },
    },
    async ({ tenant, by, params, body, context }) =>
      jsonResponse(context, await secrets.set(tenant, params.name, body.value, by)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/secrets',
      operationId: 'listSecrets',
      summary: 'Stored secrets, without their values.',
      tag,
      query: z.strictObject({ limit: limitUpTo(1_000, 1_000), cursor }),
      answers: { 200: { description: 'A page of secrets.', schema: pageOf(storedSecretSchema) } },
    },
    async ({ tenant, query, context }) => jsonResponse(context, slicePage(await secrets.list(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'delete',
      path: '/api/secrets/{name}',
      operationId: 'removeSecret',
      summary: 'Remove a stored secret; doing it twice is fine.',
      tag,
      params: oneSecret,
      answers: { 204: { description: 'It is not there any more.' } },
    },
    async ({ tenant, params, context }) => {
      await secrets.remove(tenant, params.name);
      return context.body(null, 204);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/secrets/rotate',
      operationId: 'rotateSecrets',
      summary: 'Seal all stored secrets with the first key. Interrupted, it is called again and goes on.',
      tag,
      body: z.strictObject({}).optional(),
      answers: { 200: { description: 'What was done.', schema: rotationSchema } },
    },
    async ({ about, context }) => {
      const rotation = await secrets.rotate();
      about.details = { rotated: rotation.rotated, failed: rotation.failed.length };
      return jsonResponse(context, rotation);
    },
  );
};
