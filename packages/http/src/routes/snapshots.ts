import { z } from '@hono/zod-openapi';
import type { TenantId } from '@skein/domain';
import type { Context } from 'hono';
import { type ApiApp, type ApiEnv, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { snapshotDiffSchema, snapshotName, snapshotSchema } from '../schemas/snapshot.ts';
import { queryFlag } from '../schemas/values.ts';

const tag = 'Snapshots';
const oneSnapshot = z.strictObject({ digest: snapshotName });

/** Sealed snapshots: what they hold, how two differ, and their bytes. */
export const addSnapshotRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  // Before the route that takes any name.
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/snapshots/diff',
      operationId: 'diffSnapshots',
      summary: 'What changed from snapshot `a` to `b`.',
      tag,
      query: z.strictObject({ a: snapshotName, b: snapshotName }),
      answers: { 200: { description: 'The parts that differ.', schema: snapshotDiffSchema } },
    },
    async ({ tenant, query, context }) =>
      jsonResponse(context, await coordinator.diffSnapshots(tenant, query.a, query.b)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/snapshots/{digest}',
      operationId: 'inspectSnapshot',
      summary: 'What a sealed snapshot holds, and which steps asked for it; with `download`, its bytes.',
      tag,
      params: oneSnapshot,
      query: z.strictObject({ download: queryFlag }),
      answers: { 200: { description: 'Manifest and sizes, or one gzip envelope.', schema: snapshotSchema } },
    },
    async ({ tenant, params, query, context }) =>
      query.download
        ? fileOf(deps, context, tenant, params.digest)
        : jsonResponse(context, await coordinator.inspectSnapshot(tenant, params.digest)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/snapshots/{digest}/file',
      operationId: 'downloadSnapshot',
      summary: 'A sealed snapshot as a file.',
      tag,
      params: oneSnapshot,
      answers: { 200: { description: 'One gzip envelope with all parts.', contentType: 'application/gzip' } },
    },
    ({ tenant, params, context }) => fileOf(deps, context, tenant, params.digest),
  );
};

const fileOf = async (
  { coordinator }: RouteDeps,
  context: Context<ApiEnv>,
  tenant: TenantId,
  name: string,
): Promise<Response> => {
  const bytes = await coordinator.exportSnapshot(tenant, name);
  const file = `${name.replace('sha256:', '').slice(0, 12)}.skein-snapshot.gz`;
  context.header('Content-Type', 'application/gzip');
  context.header('Content-Disposition', `attachment; filename="${file}"`);
  return context.body(bytes as Uint8Array<ArrayBuffer>);
};
