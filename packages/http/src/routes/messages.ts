import { z } from '@hono/zod-openapi';
import { DomainError } from '@skein/domain';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { slicePage } from '../app/page.ts';
import { readIdempotencyKey } from '../app/read-idempotency-key.ts';
import { validate } from '../app/validate.ts';
import { maxWaitMs, withWait } from '../app/with-wait.ts';
import { messageId, messageSchema, sendMessageBody } from '../schemas/message.ts';
import { cursor, limitUpTo, pageOf, queryInteger, runId, stepPath } from '../schemas/values.ts';

const oneStep = z.strictObject({ runId, stepId: stepPath });
const path = '/api/runs/{runId}/steps/{stepId}/messages';
const tag = 'Messages';

/** Send messages to the agent of a step, or to a step that waits for one, and see what became of them. */
export const addMessageRoutes = (app: ApiApp, deps: RouteDeps): void => {
  const { coordinator } = deps;
  addRoute(
    app,
    deps,
    {
      method: 'post',
      path,
      operationId: 'sendMessage',
      summary:
        'Send a message to a step. With `messageId`, or an Idempotency-Key header, sending it twice is one message.',
      tag,
      params: oneStep,
      body: sendMessageBody,
      answers: {
        201: { description: 'The message: it is stored, and will be read or its end told.', schema: messageSchema },
        200: { description: 'The message as it is now: it had been sent before.', schema: messageSchema },
      },
    },
    async ({ tenant, by, params, body, context }) => {
      const id = messageIdOf(body.messageId, readIdempotencyKey(context));
      const { message, created } = await coordinator.sendMessage(
        tenant,
        params.runId,
        params.stepId,
        {
          text: body.text,
          ...(body.mode === undefined ? {} : { mode: body.mode }),
          ...(id === undefined ? {} : { messageId: id }),
          ...(body.ttlMs === undefined ? {} : { ttlMs: body.ttlMs }),
          ...(body.requireAck === undefined ? {} : { requireAck: body.requireAck }),
          ...(body.wantsReply === undefined ? {} : { wantsReply: body.wantsReply }),
        },
        by,
      );
      const [run, step, sent] = [params.runId, params.stepId, message.messageId].map(encodeURIComponent);
      context.header('Location', `/api/runs/${run}/steps/${step}/messages/${sent}`);
      return jsonResponse(context, message, created ? 201 : 200);
    },
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path,
      operationId: 'listMessages',
      summary: 'Messages of a step, in the order in which they are read; of all rounds.',
      tag,
      params: oneStep,
      query: z.strictObject({ limit: limitUpTo(1_000, 100), cursor }),
      answers: { 200: { description: 'A page of messages.', schema: pageOf(messageSchema) } },
    },
    async ({ tenant, params, query, context }) =>
      jsonResponse(context, slicePage(await coordinator.listMessages(tenant, params.runId, params.stepId), query)),
  );
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: `${path}/{messageId}`,
      operationId: 'readMessage',
      summary: 'One message; with `waitMs` the answer comes when it was consumed, or replied to, or has ended.',
      tag,
      params: oneStep.extend({ messageId }),
      query: z.strictObject({
        waitMs: queryInteger(0, maxWaitMs).optional(),
        until: z.enum(['consumed', 'reply']).optional().openapi({ default: 'consumed' }),
      }),
      answers: { 200: { description: 'The message as it is now.', schema: messageSchema } },
    },
    async ({ tenant, params, query, context }) =>
      withWait({ stopping: deps.stopping, waits: deps.messageWaits }, context, query.waitMs, async (wait) => {
        const of = [tenant, params.runId, params.stepId, params.messageId] as const;
        const until = query.until ?? 'consumed';
        return jsonResponse(
          context,
          await (wait === undefined
            ? coordinator.readMessage(...of)
            : coordinator.waitMessage(...of, until, wait.waitMs, wait.signal)),
        );
      }),
  );
};

/** The id in the body or in the header; two that differ are an error. */
const messageIdOf = (inBody: string | undefined, inHeader: string | undefined): string | undefined => {
  if (inHeader === undefined) return inBody;
  const id = validate(z.object({ 'Idempotency-Key': messageId }), { 'Idempotency-Key': inHeader }, 'invalid_argument');
  if (inBody === undefined || inBody === inHeader) return id['Idempotency-Key'];
  throw new DomainError('invalid_argument', 'messageId and the header Idempotency-Key differ', {
    problems: [{ message: 'differs from the header Idempotency-Key', field: 'messageId' }],
  });
};
