import { z } from '@hono/zod-openapi';

const instant = z.string().openapi({ format: 'date-time' });

/** Largest text in a body, in UTF-16 units: more than any text that the coordinator takes. */
const maxTextLength = 64 * 1024;

/** Longest life of a message that has one, in ms: a year. */
const maxTtlMs = 366 * 24 * 3_600_000;

/** Id of a message: made by the coordinator, or chosen by the sender. */
export const messageId = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'must match [A-Za-z0-9_.:-]{1,128}');

const messageMode = z.enum(['next_turn', 'interrupt', 'after_tool', 'on_idle']);

/** Body of `POST …/messages`. */
export const sendMessageBody = z
  .strictObject({
    text: z
      .string()
      .min(1, 'a message has a text')
      .max(maxTextLength)
      .openapi({ description: 'At most 16 KiB of UTF-8.' }),
    mode: messageMode.optional().openapi({ description: 'When it is read; default `next_turn`.' }),
    messageId: messageId.optional().openapi({
      description:
        'Chosen by the sender, so that sending it twice is one message. The header Idempotency-Key does the same.',
    }),
    ttlMs: z.number().int().min(1).max(maxTtlMs).optional().openapi({ description: 'Read within this time or never.' }),
    requireAck: z.boolean().optional().openapi({ description: 'The step does not end well without having read it.' }),
    wantsReply: z.boolean().optional().openapi({ description: 'The agent is offered a tool to answer it.' }),
  })
  .openapi('SendMessage');

/** A message, as documented. */
export const messageSchema = z
  .object({
    messageId: z.string(),
    runId: z.string(),
    step: z.string(),
    number: z
      .number()
      .int()
      .openapi({ description: 'Place in the mailbox, from 1; the order in which they are read.' }),
    round: z.number().int(),
    sender: z.string(),
    mode: messageMode,
    text: z.string(),
    state: z
      .enum(['accepted', 'delivered', 'presented', 'consumed', 'replied', 'expired', 'rejected', 'dead_lettered'])
      .openapi({
        description: '`delivered` and `presented` are signs of life; only `consumed` says that it was read.',
      }),
    sentAt: instant,
    expiresAt: instant.optional(),
    turn: z.number().int().optional().openapi({ description: 'The turn that read it.' }),
    endedAt: instant.optional(),
    reason: z.string().optional().openapi({ description: 'Why it ended unread.' }),
    requireAck: z.literal(true).optional(),
    wantsReply: z.literal(true).optional(),
    reply: z.object({ text: z.string(), at: instant }).optional(),
  })
  .openapi('Message');
