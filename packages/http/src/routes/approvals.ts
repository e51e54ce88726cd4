import { z } from '@hono/zod-openapi';
import type { JsonValue } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { approvalBody, approvalSchema } from '../schemas/approval.ts';
import { runSchema } from '../schemas/run.ts';
import { cursor, limitUpTo, pageOf, runId, stepPath } from '../schemas/values.ts';

const tag = 'Approvals';

/** What waits for a person, and the person's answer. */
export const addApprovalRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/approvals',
      operationId: 'listApprovals',
      summary: 'Approvals that wait now, oldest first.',
      tag,
      query: z.strictObject({ runId: runId.optional(), limit: limitUpTo(1_000, 100), cursor }),
      answers: { 200: { description: 'A page of approvals.', schema: pageOf(approvalSchema) } },
    },
    async ({ tenant, query, context }) =>
      jsonResponse(context, slicePage(await coordinator.listApprovals(tenant, query.runId), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/runs/{runId}/steps/{stepId}/approval',
      operationId: 'answerApproval',
      summary: 'Approve or reject a step that waits, or push the run back to an earlier step with feedback.',
      tag,
      params: z.strictObject({ runId, stepId: stepPath }),
      body: approvalBody,
      answers: { 200: { description: 'The run with the answer in it.', schema: runSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const round = body.round === undefined ? {} : { round: body.round };
      if (body.decision === 'push_back') {
        const { feedback, to } = body;
        const options = { feedback, by, ...(to === undefined ? {} : { to }), ...round };
        return jsonResponse(context, await coordinator.pushBack(tenant, params.runId, params.stepId, options));
      }
      const inputs = body.decision === 'approve' ? body.inputs : undefined;
      const run = await coordinator.answerApproval(tenant, params.runId, params.stepId, {
        decision: body.decision,
        by,
        ...(inputs === undefined ? {} : { inputs: inputs as { [name: string]: JsonValue } }),
        ...(body.reason === undefined ? {} : { reason: body.reason }),
        ...round,
      });
      return jsonResponse(context, run);
    },
  );
};
