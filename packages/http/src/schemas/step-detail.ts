import { z } from '@hono/zod-openapi';
import { stepSchema } from './run.ts';
import { jsonValue } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });
const count = z.number().int().min(0);
const settled = z.enum(['reconciled', 'repeated', 'told']).optional();
const effectStatus = z.enum(['planned', 'done', 'unknown']);

const usage = { inputTokens: count, outputTokens: count, costUsd: z.number().optional() };

const attempt = z.object({
  attempt: z.number().int(),
  round: count,
  token: z.number().int(),
  workerId: z.string(),
  leasedAt: instant,
  endedAt: instant.optional(),
  outcome: z.string(),
  resumedAtTurn: z.number().int().optional(),
});

const toolCall = z.object({
  index: count,
  callId: z.string(),
  tool: z.string(),
  class: z.enum(['read_only', 'repeatable', 'effect']),
  status: effectStatus,
  isError: z.boolean().optional(),
  durationMs: z.number().optional(),
  settled,
  input: jsonValue.optional(),
  output: jsonValue.optional(),
});

const turn = z.object({
  thread: z
    .string()
    .openapi({ description: "Empty for the step's own agent; else the call that started the sub-agent." }),
  turn: z.number().int(),
  attempt: z.number().int(),
  round: count,
  at: instant,
  model: z.string().optional(),
  ...usage,
  finishReason: z.string(),
  calls: z.array(toolCall),
  messages: z.array(z.string()).openapi({ description: 'Messages that it consumed.' }),
  dropped: z.literal(true).optional().openapi({ description: 'History: no attempt went on from here.' }),
  said: z.array(jsonValue).optional(),
  text: z.string().optional(),
});

/** A step with what the log says of it, as documented. */
export const stepDetailSchema = z
  .object({
    step: stepSchema,
    detail: z.object({
      runId: z.string(),
      step: z.string(),
      status: z.string(),
      attempts: z.array(attempt),
      turns: z.array(turn),
      totals: z.object({ turns: count, toolCalls: count, ...usage }),
    }),
  })
  .openapi('StepDetail');

/** One line of the effect ledger, as documented. */
export const effectSchema = z
  .object({
    key: z.string().openapi({ description: 'Idempotency key that the target was given.' }),
    step: z.string(),
    round: count,
    attempt: z.number().int(),
    thread: z.string(),
    turn: z.number().int(),
    index: count,
    tool: z.string(),
    input: z
      .unknown()
      .optional()
      .openapi({ description: 'What the tool was called with, unless the turn is very long.' }),
    class: z.enum(['repeatable', 'effect']),
    status: effectStatus.openapi({ description: '`unknown`: the attempt was lost between plan and result.' }),
    plannedAt: instant,
    doneAt: instant.optional(),
    isError: z.boolean().optional(),
    settled,
  })
  .openapi('Effect');
