import { z } from '@hono/zod-openapi';
import { jsonValue } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });

/** Largest feedback or reason, in UTF-16 units. */
const maxTextLength = 16 * 1024;

const round = z.number().int().min(0).max(1_000).optional().openapi({
  description: 'The round that the person saw; when the step is in another one by now, the answer is refused.',
});

/** Body of `POST …/approval`. */
export const approvalBody = z
  .discriminatedUnion('decision', [
    z.strictObject({
      decision: z.literal('approve'),
      inputs: z.record(z.string(), jsonValue).optional().openapi({ description: "Become the step's outputs." }),
      reason: z.string().max(maxTextLength).optional(),
      round,
    }),
    z.strictObject({ decision: z.literal('reject'), reason: z.string().max(maxTextLength).optional(), round }),
    z.strictObject({
      decision: z.literal('push_back'),
      to: z.string().min(1).max(64).optional().openapi({
        description: 'The step from which the run goes on again; without it the one that the DAG names.',
      }),
      feedback: z.string().min(1).max(maxTextLength),
      round,
    }),
  ])
  .openapi('Approval');

/** An approval that waits, as documented. */
export const approvalSchema = z
  .object({
    runId: z.string(),
    dag: z.string(),
    step: z.string(),
    prompt: z.string(),
    input: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        required: z.boolean(),
        default: jsonValue.optional(),
        enum: z.array(jsonValue).optional(),
        description: z.string().optional(),
        minimum: z.number().optional(),
        maximum: z.number().optional(),
      }),
    ),
    since: instant,
    deadline: instant.optional(),
    rewind: z.array(z.string()).openapi({ description: 'Steps to which it may be pushed back.' }),
    round: z.number().int(),
  })
  .openapi('WaitingApproval');
