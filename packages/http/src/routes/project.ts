import { z } from '@hono/zod-openapi';
import { DomainError, type Problem } from '@skein/domain';
import type { AutoModel, ProjectFile } from '@skein/ports';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { applyBody, applyResultSchema, dagSchema, dagSummarySchema, scheduleSchema } from '../schemas/project.ts';
import { cursor, limitUpTo, name, pageOf } from '../schemas/values.ts';

const tag = 'Project';
const listQuery = z.strictObject({ limit: limitUpTo(1_000, 1_000), cursor });

/** The model that `provider: auto` becomes when the caller names none. */
const offlineModel: AutoModel = { provider: 'offline', model: 'offline/rules-1' };

/** Publish a project; look at DAGs and schedules. */
export const addProjectRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/apply',
      operationId: 'applyProject',
      summary: 'Validate a whole project and publish it in one transaction, or change nothing.',
      tag,
      body: applyBody,
      maxBodyBytes: deps.limits.maxApplyBytes,
      answers: { 200: { description: 'What changed, or would change.', schema: applyResultSchema } },
    },
    async ({ tenant, body, context }) => {
      const result = await coordinator.applyProject(tenant, {
        files: toFiles(body.files),
        autoModel: (body.autoModel as AutoModel | undefined) ?? offlineModel,
        activate: body.activate,
        candidate: body.candidate,
        dryRun: body.dryRun,
      });
      return jsonResponse(context, result);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/dags',
      operationId: 'listDags',
      summary: 'The current DAGs.',
      tag,
      query: listQuery,
      answers: { 200: { description: 'A page of DAGs.', schema: pageOf(dagSummarySchema) } },
    },
    async ({ tenant, query, context }) => jsonResponse(context, slicePage(await coordinator.listDags(tenant), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/dags/{name}',
      operationId: 'getDag',
      summary: 'One DAG with its source.',
      tag,
      params: z.strictObject({ name }),
      answers: { 200: { description: 'The DAG.', schema: dagSchema } },
    },
    async ({ tenant, params, context }) => jsonResponse(context, await coordinator.getDag(tenant, params.name)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/schedules',
      operationId: 'listSchedules',
      summary: 'Schedules of the current DAGs, or of one.',
      tag,
      query: listQuery.extend({ dag: name.optional() }),
      answers: { 200: { description: 'A page of schedules.', schema: pageOf(scheduleSchema) } },
    },
    async ({ tenant, query, context }) =>
      jsonResponse(context, slicePage(await coordinator.listSchedules(tenant, query.dag), query)),
  );
};

const toFiles = (files: z.infer<typeof applyBody>['files']): readonly ProjectFile[] => {
  const problems: Problem[] = [];
  const read = files.map((file, index): ProjectFile => {
    if ((file.text === undefined) === (file.base64 === undefined)) {
      problems.push({ message: 'give exactly one of text and base64', field: `files[${index}]`, file: file.path });
    }
    const bytes = file.text === undefined ? Buffer.from(file.base64 ?? '', 'base64') : Buffer.from(file.text, 'utf8');
    return { path: file.path, mode: file.mode, bytes: new Uint8Array(bytes) };
  });
  if (problems.length > 0)
    throw new DomainError('invalid_argument', 'some files have no readable content', { problems });
  return read;
};
