import { z } from '@hono/zod-openapi';
import type { Rollouts, RolloutView } from '@skein/coordinator';
import { DomainError, isDomainError, type TenantId } from '@skein/domain';
import { type ApiApp, addRoute } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toProblemDetails } from '../problem/problem-details.ts';
import { name } from '../schemas/values.ts';
import { streamResponse } from '../stream/stream-response.ts';

/** A rollout as it changes, as server-sent events. */
export const addRolloutWatchRoute = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/agents/{agentId}/rollout/watch',
      operationId: 'watchRollout',
      summary:
        'The rollout whenever it changes, beginning with how it is now, until it has ended; else the last one, once.',
      tag: 'Rollouts',
      params: z.strictObject({ agentId: name }),
      answers: {
        200: {
          description:
            'Server-sent events `rollout`. With the last `id` as Last-Event-ID, the last state of that rollout comes also when it ended meanwhile.',
          contentType: 'text/event-stream',
        },
      },
    },
    async ({ tenant, params, context }) => {
      const seen = resumeOf(context.req.header('last-event-id'));
      const source = await sourceOf(rollouts, tenant, params.agentId, seen);
      context.header('Content-Type', 'text/event-stream; charset=utf-8');
      context.header('X-Accel-Buffering', 'no');
      return streamResponse<RolloutView>(context, deps, {
        open: source,
        encode: (view) => `id: ${view.id}.${view.revision}\nevent: rollout\ndata: ${JSON.stringify(view)}\n\n`,
        encodeError: (thrown) => {
          const problem = toProblemDetails(thrown);
          if (problem.code === 'internal')
            deps.log.error('rollout stream failed', { agentId: params.agentId, error: thrown });
          return `event: problem\ndata: ${JSON.stringify(problem)}\n\n`;
        },
        heartbeat: ': still here\n\n',
      });
    },
  );
};

const terminal: ReadonlySet<string> = new Set(['completed', 'rolled_back', 'cancelled']);

/** What there is to watch; one that has ended is told once. An unknown agent, and one without any, is a problem with a status, not an empty stream. */
const sourceOf = async (
  rollouts: Rollouts,
  tenant: TenantId,
  agentId: string,
  seen: string | undefined,
): Promise<(signal: AbortSignal) => AsyncIterable<RolloutView>> => {
  const current = await rollouts.current(tenant, agentId);
  if (seen !== undefined && seen !== current?.id) {
    const last = await endOf(rollouts, tenant, agentId, seen);
    if (last !== undefined) return () => once(last);
  }
  if (current === undefined) {
    const [last] = (await rollouts.list(tenant, agentId, 1, 1)).rollouts;
    if (last === undefined) throw new DomainError('not_found', `agent ${agentId} has no rollout to watch`);
    return () => once(last);
  }
  return (signal) => rollouts.watch(tenant, agentId, signal);
};

/** The last state of a rollout that a reader saw before; undefined when it goes on, or is none of this agent. */
const endOf = async (
  rollouts: Rollouts,
  tenant: TenantId,
  agentId: string,
  id: string,
): Promise<RolloutView | undefined> => {
  try {
    const view = await rollouts.read(tenant, id);
    return view.agentId === agentId && terminal.has(view.status) ? view : undefined;
  } catch (error) {
    if (isDomainError(error) && error.code === 'not_found') return undefined;
    throw error;
  }
};

async function* once(view: RolloutView): AsyncGenerator<RolloutView> {
  yield view;
}

const resumeOf = (header: string | undefined): string | undefined => {
  if (header === undefined || header === '') return undefined;
  const id = /^([A-Za-z0-9_-]{1,64})\.\d{1,15}$/.exec(header)?.[1];
  if (id !== undefined) return id;
  throw new DomainError('invalid_argument', 'Last-Event-ID must be the id of an event of this stream', {
    problems: [{ message: 'is no id of this stream', field: 'Last-Event-ID' }],
  });
};
