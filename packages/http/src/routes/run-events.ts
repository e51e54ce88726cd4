import { z } from '@hono/zod-openapi';
import type { RunEvent } from '@skein/coordinator';
import { DomainError } from '@skein/domain';
import { type ApiApp, addRoute } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toProblemDetails } from '../problem/problem-details.ts';
import { queryInteger, runId } from '../schemas/values.ts';
import { streamResponse } from '../stream/stream-response.ts';

const maxSeq = Number.MAX_SAFE_INTEGER;

/** A run's events, live, as server-sent events. */
export const addRunEventRoutes = (app: ApiApp, deps: RouteDeps): void => {
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/runs/{runId}/events',
      operationId: 'watchRun',
      summary: 'Events of a run after `after` (or Last-Event-ID), then live ones, until the run has ended.',
      tag: 'Runs',
      params: z.strictObject({ runId }),
      query: z.strictObject({ after: queryInteger(0, maxSeq).optional() }),
      answers: {
        200: {
          description: 'Server-sent events; `id` is the cursor to resume after.',
          contentType: 'text/event-stream',
        },
      },
    },
    async ({ tenant, params, query, context }) => {
      const after = query.after ?? resumeAfter(context.req.header('last-event-id'));
      // An unknown run is a problem with a status, not an empty stream.
      await deps.coordinator.getRun(tenant, params.runId);
      context.header('Content-Type', 'text/event-stream; charset=utf-8');
      context.header('X-Accel-Buffering', 'no');
      return streamResponse<RunEvent>(context, deps, {
        open: (signal) => deps.coordinator.watchRun(tenant, params.runId, after, signal),
        encode: (event) => `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
        encodeError: (thrown) => {
          const problem = toProblemDetails(thrown);
          if (problem.code === 'internal')
            deps.log.error('event stream failed', { runId: params.runId, error: thrown });
          return `event: problem\ndata: ${JSON.stringify(problem)}\n\n`;
        },
        heartbeat: ': still here\n\n',
      });
    },
  );
};

const resumeAfter = (header: string | undefined): number => {
  if (header === undefined || header === '') return 0;
  const seq = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (Number.isSafeInteger(seq)) return seq;
  throw new DomainError('invalid_argument', 'Last-Event-ID must be the id of an event of this stream');
};
