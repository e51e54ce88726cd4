import { z } from '@hono/zod-openapi';
import type { PostScore } from '@skein/coordinator';
import type { Score } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { scoreSchema } from '../schemas/rollout.ts';
import { scoreBody } from '../schemas/rollout-bodies.ts';
import { runId } from '../schemas/values.ts';

const oneRun = z.strictObject({ runId });
const path = '/api/runs/{runId}/scores';
const tag = 'Scores';

const postedSchema = z.object({
  score: scoreSchema,
  recorded: z.boolean(),
  counted: z.boolean(),
  why: z
    .string()
    .optional()
    .openapi({ description: 'Nobody knows the scorer, or its first value, another one, stands.' }),
});

/** Scores of runs that come from outside, and all that there are. */
export const addScoreRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path,
      operationId: 'postScore',
      summary:
        'Give a run, or one of its steps, a score from 0 to 1. Each scorer scores once; a repetition changes nothing.',
      tag,
      params: oneRun,
      body: scoreBody,
      answers: {
        201: {
          description: 'The score; `counted` says whether a rollout counts it.',
          schema: postedSchema,
        },
        200: {
          description: 'The score that there was already.',
          schema: postedSchema,
        },
      },
    },
    async ({ tenant, by, params, body, context }) => {
      const posted = await rollouts.postScore(tenant, params.runId, body as PostScore, { actor: by });
      return jsonResponse(context, { ...posted, score: shownScore(posted.score) }, posted.recorded ? 201 : 200);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path,
      operationId: 'listScores',
      summary: 'Scores of a run.',
      tag,
      params: oneRun,
      answers: { 200: { description: 'All of them.', schema: z.object({ items: z.array(scoreSchema) }) } },
    },
    async ({ tenant, params, context }) =>
      jsonResponse(context, { items: (await rollouts.listScores(tenant, params.runId)).map(shownScore) }),
  );
};

const shownScore = ({ at, ...rest }: Score) => ({ ...rest, at: new Date(at).toISOString() });
