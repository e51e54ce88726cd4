import { z } from '@hono/zod-openapi';
import type { DeadLetter, NumberedDeliveryEvent } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { toPage } from '../app/page.ts';
import {
  deadLetterId,
  deadLetterKind,
  deadLetterReason,
  deadLetterSchema,
  deadLetterStatus,
  deliveryEventsSchema,
  redriveBody,
  redriveSchema,
} from '../schemas/delivery.ts';
import { cursor, limitUpTo, pageOf, queryInteger, runId } from '../schemas/values.ts';

const oneLetter = z.strictObject({ id: deadLetterId });
const tag = 'Delivery';

/** What was given up, and what left the normal way. */
export const addDeliveryRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/dead-letters',
      operationId: 'listDeadLetters',
      summary: 'Tasks and messages that were given up, newest first.',
      tag,
      query: z.strictObject({
        status: deadLetterStatus.optional(),
        kind: deadLetterKind.optional(),
        reason: deadLetterReason.optional(),
        runId: runId.optional(),
        limit: limitUpTo(500, 50),
        cursor,
      }),
      answers: { 200: { description: 'A page of dead letters.', schema: pageOf(deadLetterSchema) } },
    },
    async ({ tenant, query, context }) => {
      const page = await coordinator.listDeadLetters({
        tenant,
        limit: query.limit,
        ...(query.status === undefined ? {} : { status: query.status }),
        ...(query.kind === undefined ? {} : { kind: query.kind }),
        ...(query.reason === undefined ? {} : { reason: query.reason }),
        ...(query.runId === undefined ? {} : { runId: query.runId }),
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      const { items, nextCursor } = toPage(page);
      return jsonResponse(context, { items: items.map(shownLetter), nextCursor });
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/dead-letters/{id}',
      operationId: 'readDeadLetter',
      summary: 'One dead letter with its history.',
      tag,
      params: oneLetter,
      answers: { 200: { description: 'The dead letter.', schema: deadLetterSchema } },
    },
    async ({ tenant, params, context }) =>
      jsonResponse(context, shownLetter(await coordinator.readDeadLetter(tenant, params.id))),
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/dead-letters/{id}/redrive',
      operationId: 'redriveDeadLetter',
      summary: 'Try it again: a task as a new run that keeps what succeeded, a message with its id.',
      tag,
      params: oneLetter,
      body: redriveBody,
      answers: { 200: { description: 'What was done, or with `dryRun` would be.', schema: redriveSchema } },
    },
    async ({ tenant, by, params, body, context }) => {
      const { deadLetter, ...rest } = await coordinator.redriveDeadLetter(tenant, params.id, {
        by,
        dryRun: body?.dryRun === true,
        ...(body?.runId === undefined ? {} : { runId: body.runId }),
      });
      return jsonResponse(context, { deadLetter: shownLetter(deadLetter), ...rest });
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path: '/api/dead-letters/{id}/purge',
      operationId: 'purgeDeadLetter',
      summary: 'Give it up for good: its text goes, the entry stays.',
      tag,
      params: oneLetter,
      body: z.strictObject({}).optional(),
      answers: { 200: { description: 'The dead letter as it is now.', schema: deadLetterSchema } },
    },
    async ({ tenant, by, params, context }) =>
      jsonResponse(context, shownLetter(await coordinator.purgeDeadLetter(tenant, params.id, by))),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/delivery-events',
      operationId: 'readDeliveryEvents',
      summary: 'What expired, was refused, given up, redriven, purged or fenced, one event each, oldest first.',
      tag,
      query: z.strictObject({
        after: queryInteger(0, Number.MAX_SAFE_INTEGER).optional(),
        limit: limitUpTo(1_000, 100),
      }),
      answers: { 200: { description: 'Events after `after`.', schema: deliveryEventsSchema } },
    },
    async ({ tenant, query, context }) => {
      const page = await coordinator.readDeliveryEvents(tenant, query.after ?? 0, query.limit);
      return jsonResponse(context, { items: page.items.map(shownEvent), next: page.next, gap: page.gap ?? null });
    },
  );
};

const iso = (at: number): string => new Date(at).toISOString();

const shownLetter = ({ tenant: _tenant, at, settledAt, history, ...rest }: DeadLetter) => ({
  ...rest,
  at: iso(at),
  history: history.map((entry) => ({ ...entry, at: iso(entry.at) })),
  ...(settledAt === undefined ? {} : { settledAt: iso(settledAt) }),
});

const shownEvent = ({ tenant: _tenant, at, ...rest }: NumberedDeliveryEvent) => ({ ...rest, at: iso(at) });
