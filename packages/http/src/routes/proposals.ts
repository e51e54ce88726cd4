import { z } from '@hono/zod-openapi';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toPage } from '../app/page.ts';
import { memoryScope, proposalId, proposalSchema, proposalStatus } from '../schemas/memory.ts';
import { cursor, limitUpTo, pageOf, runId } from '../schemas/values.ts';

const tag = 'Memory';

/** Proposals to change memory, and a person's word on them. */
export const addProposalRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/memory/proposals',
      operationId: 'listProposals',
      summary: 'Memory proposals, oldest first.',
      tag,
      query: z.strictObject({
        scope: memoryScope.optional(),
        status: proposalStatus.optional(),
        runId: runId.optional(),
        limit: limitUpTo(500, 100),
        cursor,
      }),
      answers: { 200: { description: 'A page of proposals.', schema: pageOf(proposalSchema) } },
    },
    async ({ tenant, query, context }) => {
      const page = await coordinator.listProposals(tenant, {
        limit: query.limit,
        ...(query.scope === undefined ? {} : { scope: query.scope }),
        ...(query.status === undefined ? {} : { status: query.status }),
        ...(query.runId === undefined ? {} : { runId: query.runId }),
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      return jsonResponse(context, toPage(page));
    },
  );
  for (const verdict of ['approve', 'reject'] as const) {
    addRoute(
      app,
      deps,
      {
        method: 'post',
        path: `/api/memory/proposals/{proposalId}/${verdict}`,
        operationId: `${verdict}Proposal`,
        summary:
          verdict === 'approve'
            ? 'Fold a proposal that waits into its memory. Doing it twice is fine.'
            : 'Refuse a proposal that waits. Doing it twice is fine.',
        tag,
        params: z.strictObject({ proposalId }),
        body: z.strictObject({}).optional(),
        answers: { 200: { description: 'The proposal as it is now.', schema: proposalSchema } },
      },
      async ({ tenant, params, by, context }) =>
        jsonResponse(context, await coordinator.reviewProposal(tenant, params.proposalId, verdict, by)),
    );
  }
};
