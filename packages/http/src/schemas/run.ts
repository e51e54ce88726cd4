import { z } from '@hono/zod-openapi';
import { digest, jsonObject, jsonValue } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });

/** Statuses of a run. */
export const runStatus = z.enum(['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']);

const stepStatus = z.enum([
  'pending',
  'ready',
  'running',
  'waiting',
  'retrying',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
]);

const errorData = z.object({ code: z.string(), message: z.string(), details: jsonObject.optional() }).openapi('Error');

const usage = z.object({
  turns: z.number(),
  toolCalls: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  schemaRepairs: z.number(),
  costUsd: z.number().optional(),
  model: z.string().optional(),
});

/** One step of a run, or one item of a fan-out, as documented. */
export const stepSchema = z
  .object({
    id: z.string(),
    status: stepStatus,
    attempt: z.number().int(),
    workerId: z.string().optional(),
    startedAt: instant.optional(),
    finishedAt: instant.optional(),
    durationMs: z.number().optional(),
    exitCode: z.number().int().optional(),
    outputs: jsonObject,
    error: errorData.optional(),
    usage: usage.optional(),
    skipReason: z.string().optional(),
    waitReason: z.string().optional(),
    childRunId: z.string().optional().openapi({ description: 'The run that a `call` step started last.' }),
    round: z.number().int().optional().openapi({ description: 'From the second round on, after a push-back.' }),
    wait: z
      .object({
        for: z.string(),
        until: instant.optional(),
        deadline: instant.optional(),
        prompt: z.string().optional(),
      })
      .optional()
      .openapi({ description: 'What a waiting step waits for.' }),
    answer: z
      .object({ decision: z.string(), by: z.string(), reason: z.string().optional(), at: instant })
      .optional()
      .openapi({ description: 'How a `wait` or `approval` ended, and by whom.' }),
    deadLetter: z.string().optional().openapi({ description: 'Why it was given up as a dead letter.' }),
    losses: z
      .object({ execution: z.number().int(), transport: z.number().int() })
      .optional()
      .openapi({ description: 'Lost executions and offers that nobody took; absent when 0.' }),
    progress: z
      .object({ turns: z.number().int(), toolCalls: z.number().int() })
      .optional()
      .openapi({ description: 'How far its agent has come; absent when nothing is recorded.' }),
    unreadMessages: z.number().int().optional(),
    items: z.record(z.string(), z.number().int()).optional(),
  })
  .openapi('Step');

/** A run, as documented. */
export const runSchema = z
  .object({
    runId: z.string(),
    dag: z.string(),
    dagDigest: digest,
    status: runStatus,
    params: jsonObject,
    routingContext: jsonObject,
    retryOf: z.string().optional(),
    parentRunId: z.string().optional().openapi({ description: 'The run whose step called this one.' }),
    rootRunId: z.string().optional().openapi({ description: 'The first run of the tree of a called run.' }),
    createdAt: instant,
    startedAt: instant.optional(),
    finishedAt: instant.optional(),
    snapshotDigest: digest.optional(),
    agents: z.record(
      z.string(),
      z
        .object({
          versionId: z.string(),
          source: z.string(),
          rolloutId: z.string().optional(),
          revision: z.number().int().optional(),
          epoch: z.number().int().optional(),
          arm: z.number().int().optional(),
          position: z.number().int().optional(),
          unit: z.string().optional(),
          because: z.string().optional().openapi({ description: 'Why the stable version, when it is that.' }),
          memory: z.string().optional(),
        })
        .openapi('AgentDecision', { description: 'Which version a run got, and what decided it.' }),
    ),
    steps: z.array(stepSchema),
    handlers: z
      .array(stepSchema)
      .optional()
      .openapi({ description: 'Handlers that began or were passed over; absent when the DAG has none.' }),
    feedback: z
      .object({ round: z.number().int(), to: z.string(), by: z.string(), text: z.string() })
      .optional()
      .openapi({ description: 'The last push-back.' }),
    memory: z
      .record(z.string(), z.number().int())
      .optional()
      .openapi({ description: 'Revision of each memory scope that the run sees.' }),
    dags: z
      .record(z.string(), digest)
      .optional()
      .openapi({ description: 'Every DAG of the tree of runs; absent when none is called.' }),
    partial: z.boolean(),
    error: errorData.optional(),
    waitReason: z.string().optional(),
  })
  .openapi('Run');

/** One line of the run list, as documented. */
export const runSummarySchema = z
  .object({
    runId: z.string(),
    dag: z.string(),
    status: runStatus,
    createdAt: instant,
    startedAt: instant.optional(),
    finishedAt: instant.optional(),
    partial: z.boolean(),
    retryOf: z.string().optional(),
    parentRunId: z.string().optional(),
    rootRunId: z.string().optional(),
  })
  .openapi('RunSummary');

/** Body of `POST /api/runs`. */
export const submitRunBody = z
  .strictObject({
    dag: z.string().min(1).max(64),
    params: z.record(z.string(), jsonValue).optional(),
    routingContext: jsonObject.optional(),
    priority: z.number().int().min(-1_000_000).max(1_000_000).optional(),
    untrustedInput: z.boolean().optional().openapi({
      description: 'The input comes from someone who may not write to memory: what the run proposes waits for review.',
    }),
    fire: z
      .strictObject({
        scheduleId: z.string().min(1).max(256),
        nominalAt: z.iso.datetime({ offset: true }),
      })
      .optional()
      .openapi({ description: 'Set by a scheduler: at most one run per DAG, schedule and nominal instant.' }),
  })
  .openapi('SubmitRun');

/** Body of `POST …/cancel`. */
export const cancelRunBody = z
  .strictObject({ message: z.string().max(1_000).optional() })
  .optional()
  .openapi('CancelRun');

/** Body of `POST …/retry`. */
export const retryRunBody = z
  .strictObject({
    latest: z.boolean().optional().openapi({ description: "Take today's DAG and agent versions." }),
    sameVersions: z.boolean().optional().openapi({
      description: 'Keep the versions of the run also where one was rolled back meanwhile.',
    }),
  })
  .refine(({ latest, sameVersions }) => !(latest === true && sameVersions === true), {
    path: ['sameVersions'],
    message: 'contradicts latest: give one of them',
  })
  .optional()
  .openapi('RetryRun');
