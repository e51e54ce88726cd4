import { z } from '@hono/zod-openapi';
import { jsonObject, runId } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });
const count = z.number().int().min(0);

/** Id of a dead letter in a path: `dl:RUN:STEP:TOKEN`, or `dl:MESSAGE:RUN:STEP:NUMBER`. */
export const deadLetterId = z.string().regex(/^dl:[A-Za-z0-9_.:@[\]-]{1,400}$/);

/** States of a dead letter. */
export const deadLetterStatus = z.enum(['open', 'redriven', 'purged']);

/** What a dead letter is of. */
export const deadLetterKind = z.enum(['task', 'message']);

/** Why something became a dead letter. */
export const deadLetterReason = z.enum(['poison', 'transport_exhausted', 'recipient_gone', 'too_many_presentations']);

/** A dead letter, as documented. */
export const deadLetterSchema = z
  .object({
    id: z.string(),
    kind: deadLetterKind,
    runId: z.string(),
    step: z.string(),
    messageId: z.string().optional(),
    dag: z.string(),
    reason: deadLetterReason,
    transportAttempts: count,
    executionAttempts: count,
    applicationFailures: count,
    at: instant,
    error: jsonObject.optional(),
    history: z
      .array(z.object({ at: instant, what: z.string(), workerId: z.string().optional() }))
      .openapi({ description: 'What led to it, oldest first; the last 20.' }),
    body: z.string().optional().openapi({ description: 'Text of a message; gone after a purge.' }),
    status: deadLetterStatus,
    settledAt: instant.optional(),
    settledBy: z.string().optional(),
    redrivenRunId: z.string().optional(),
  })
  .openapi('DeadLetter');

/** Body of `POST …/redrive`. */
export const redriveBody = z
  .strictObject({
    dryRun: z.boolean().optional().openapi({ description: 'Only say what would happen.' }),
    runId: runId.optional().openapi({ description: 'For a message: the run to whose step it is sent again.' }),
  })
  .optional()
  .openapi('Redrive');

/** What a redrive did, or would do. */
export const redriveSchema = z
  .object({ deadLetter: deadLetterSchema, runId: z.string(), dryRun: z.boolean() })
  .openapi('RedriveResult');

/** A page of delivery events, as documented. */
export const deliveryEventsSchema = z
  .object({
    items: z.array(
      z
        .object({
          seq: z.number().int(),
          kind: z.enum(['expired', 'rejected', 'evicted', 'dead_lettered', 'redriven', 'purged', 'fenced']),
          at: instant,
          itemId: z.string(),
          runId: z.string(),
          step: z.string(),
          reason: z.string(),
          attempts: z.number().int().optional(),
          ageMs: z.number().optional(),
        })
        .openapi('DeliveryEvent'),
    ),
    next: count.openapi({ description: 'Cursor to read on from.' }),
    gap: z.object({ from: z.number().int(), to: z.number().int() }).nullable().openapi({
      description: 'Events between `after` and the first item that retention removed; null when there are none.',
    }),
  })
  .openapi('DeliveryEvents');
