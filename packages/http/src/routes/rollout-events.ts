import { setTimeout as sleep } from 'node:timers/promises';
import { z } from '@hono/zod-openapi';
import type { RolloutEventPage } from '@skein/ports';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { maxWaitMs, withWait } from '../app/with-wait.ts';
import { rolloutEventsSchema } from '../schemas/rollout.ts';
import { limitUpTo, queryInteger } from '../schemas/values.ts';

/** Longest pause between two looks, as a multiple of the first. */
const slowestLooks = 5;

/** What happened to rollouts: the same events that webhooks get. */
export const addRolloutEventRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { rollouts } = deps.coordinator;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/rollout-events',
      operationId: 'readRolloutEvents',
      summary:
        'What happened to rollouts, one event per change, oldest first; with `waitMs` the answer comes when there is one.',
      tag: 'Rollouts',
      query: z.strictObject({
        after: queryInteger(0, Number.MAX_SAFE_INTEGER).optional(),
        limit: limitUpTo(1_000, 100),
        waitMs: queryInteger(0, maxWaitMs).optional(),
      }),
      answers: { 200: { description: 'Events after `after`.', schema: rolloutEventsSchema } },
    },
    async ({ tenant, query, context }) =>
      withWait(deps, context, query.waitMs, async (wait) => {
        const read = () => rollouts.events(tenant, query.after ?? 0, query.limit);
        let page = await read();
        if (wait !== undefined) {
          const end = performance.now() + wait.waitMs;
          for (let looks = 1; page.events.length === 0 && !wait.signal.aborted; looks += 1) {
            const left = end - performance.now();
            if (left <= 0) break;
            const ms = Math.min(left, deps.limits.logPollMs * Math.min(looks, slowestLooks));
            await sleep(ms, undefined, { signal: wait.signal }).catch(() => undefined);
            page = await read();
          }
        }
        return jsonResponse(context, { items: page.events.map(shownEvent), next: page.nextSeq });
      }),
  );
};

const shownEvent = ({ tenant: _tenant, at, ...rest }: RolloutEventPage['events'][number]) => ({
  ...rest,
  at: new Date(at).toISOString(),
});
