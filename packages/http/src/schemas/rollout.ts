import { z } from '@hono/zod-openapi';
import { jsonObject } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });
const count = z.number().int().min(0);
const ms = z.number().int().openapi({ description: 'Milliseconds since the epoch.' });
const decimal = z.string().openapi({ description: 'A fraction as a decimal string that converts back exactly.' });

/** Statuses of a rollout. */
export const rolloutStatus = z.enum(['draft', 'active', 'paused', 'completed', 'rolled_back', 'cancelled']);
const rolloutType = z.enum(['canary', 'ab_test']);

const explanation = z
  .object({ code: z.string(), decided: z.string(), because: z.string(), next: z.string(), data: jsonObject })
  .openapi('Explanation', { description: 'What was decided, on which evidence, and what happens next.' });

const testSummary = z
  .object({
    rule: z.string(),
    metric: z.string(),
    arm: count,
    blocks: count,
    candidateValues: count,
    stableValues: count,
    candidateMean: z.number(),
    stableMean: z.number(),
    eValue: z.number(),
    eMax: z.number(),
    threshold: z.number(),
    breached: z.boolean(),
    promotion: z
      .object({ eValue: z.number(), eMax: z.number(), threshold: z.number(), passed: z.boolean() })
      .optional(),
    harmUpper: z.number(),
    missing: count,
  })
  .openapi('RolloutTest');

const srm = z.object({ lnB: z.number(), threshold: z.number(), alarm: z.boolean() });

/** Evidence as it stood at an instant. */
export const evidenceSchema = z
  .object({ at: ms, units: z.array(count), tests: z.array(testSummary), srm, unrouted: count, alpha: z.number() })
  .openapi('RolloutEvidence');

const rule = z.looseObject({ id: z.string(), metric: z.string(), kind: z.string(), action: z.string() });
const scorer = z.looseObject({ id: z.string(), kind: z.string(), sample: z.number() });

/** A rollout, as documented. */
export const rolloutSchema = z
  .object({
    id: z.string(),
    agentId: z.string(),
    type: rolloutType,
    status: rolloutStatus,
    statusReason: z.string(),
    stableVersionId: z.string(),
    candidateVersionId: z.string().optional(),
    weight: decimal.optional(),
    candidateWeight: z.number().optional().openapi({ description: 'The same as a rounded percent.' }),
    arms: z.array(
      z.object({
        versionId: z.string(),
        alias: z.string(),
        label: z.string(),
        weight: decimal,
        parts: count,
        percent: z.number(),
        units: count,
        scores: z.record(z.string(), z.object({ avg: z.number(), count })),
      }),
    ),
    allocations: z
      .array(z.object({ versionId: z.string(), weight: z.number(), label: z.string() }))
      .openapi({ description: 'The arms in the compatible form: weights are rounded percents.' }),
    routingKeys: z.array(z.string()),
    routingKey: z.string(),
    eligibility: z.string().optional(),
    steps: z.array(
      z.object({ weight: decimal, minUnits: count, minDurationMs: count, gate: z.string(), maxHarm: z.number() }),
    ),
    stepIndex: count,
    stepStartedAt: instant,
    stepApproved: z.object({ by: z.string(), at: instant }).optional(),
    rules: z.array(rule),
    scorers: z.array(scorer),
    alpha: z.number(),
    alphaSpent: z
      .number()
      .openapi({ description: 'What the false-rollback bound has come to: alpha, and what changes of rules added.' }),
    promoteAlpha: z.number(),
    runPolicy: z.string(),
    onNoData: z.string(),
    onMissing: z.string(),
    valueDeadlineMs: count,
    runDeadlineMs: count,
    horizonAt: instant,
    forced: z.array(z.object({ unit: z.string(), arm: count, until: ms.optional() })),
    memory: z.object({ mode: z.string(), revision: count }),
    shadow: z.string(),
    replay: z.object({ replayId: z.string(), status: z.string() }).optional(),
    revision: count.openapi({ description: 'Rises by 1 with each write; also in the header ETag.' }),
    epoch: count,
    createdBy: z.string(),
    createdAt: instant,
    startedAt: instant.optional(),
    updatedAt: instant,
    completedAt: instant.nullable(),
    reason: z.string().optional(),
    winner: z.string().optional(),
    evidence: evidenceSchema.optional(),
    explanation,
    waitingFor: z.array(z.object({ code: z.string(), message: z.string(), until: instant.optional() })),
  })
  .openapi('Rollout');

/** What recent traffic says about a plan. */
export const forecastSchema = z
  .object({
    unitsPerDay: z.number(),
    steps: z.array(
      z.object({
        weight: decimal,
        candidateUnitsPerDay: z.number(),
        days: z.number().optional(),
        label: z.string().optional().openapi({ description: 'Of an arm, when there is no plan.' }),
      }),
    ),
    days: z.number().optional(),
    warnings: z.array(z.string()),
    impossible: z.string().optional(),
  })
  .openapi('RolloutForecast');

/** A rollout that was just started. */
export const startedSchema = rolloutSchema.extend({ forecast: forecastSchema }).openapi('StartedRollout');

/** What ended a rollout. */
export const endedSchema = z.object({ success: z.literal(true), rollout: rolloutSchema }).openapi('RolloutOutcome');

/** A page of rollouts. */
export const rolloutListSchema = z
  .object({
    rollouts: z.array(rolloutSchema),
    total: count,
    page: count,
    perPage: z.union([count, z.literal(false)]),
  })
  .openapi('RolloutList');

const metricResult = z
  .object({
    metric: z.string(),
    count,
    missing: count,
    mean: z.number(),
    sd: z.number(),
    min: z.number(),
    max: z.number(),
    quantiles: z.object({ p10: z.number(), p50: z.number(), p90: z.number(), p99: z.number() }),
    difference: z.object({ mean: z.number(), lower: z.number(), upper: z.number() }).optional(),
    eValue: z.number().optional(),
    adjusted: z.number().optional(),
  })
  .openapi('MetricResult');

/** What was measured. */
export const resultsSchema = z
  .object({
    rolloutId: z.string(),
    agentId: z.string(),
    type: rolloutType,
    status: rolloutStatus,
    epochs: count,
    alpha: z.number(),
    alphaSpent: z.number(),
    srm: srm.extend({ chiSquare: z.number(), pValue: z.number(), expected: z.array(z.number()) }),
    tallies: z.record(z.string(), count),
    unrouted: count,
    missing: count,
    allocations: z.array(
      z.object({
        versionId: z.string(),
        label: z.string(),
        units: count,
        requestCount: count,
        metrics: z.array(metricResult),
        scores: z.record(
          z.string(),
          z.object({ avg: z.number(), stddev: z.number(), count, min: z.number(), max: z.number() }),
        ),
      }),
    ),
    shadow: z
      .object({
        shadows: count,
        failed: count,
        skipped: count,
        divergedCalls: count,
        metrics: z.array(
          z.object({
            metric: z.string(),
            count,
            live: z.number(),
            shadow: z.number(),
            meanDifference: z.number(),
            sd: z.number(),
          }),
        ),
      })
      .optional()
      .openapi({ description: 'Shadows of live steps: beside the evidence, and no part of it.' }),
    explanation,
  })
  .openapi('RolloutResults');

/** A page of raw observations: all that is needed to compute the evidence again. */
export const observationsSchema = z
  .object({
    items: z.array(
      z
        .object({
          seq: count,
          unit: z.string(),
          arm: count.openapi({ description: 'Index in `arms`.' }),
          armLabel: z.string(),
          epoch: count,
          metric: z.string(),
          value: z.number().nullable().openapi({ description: 'null: its deadline passed.' }),
          runId: z.string(),
          assignedAt: instant,
          at: instant,
        })
        .openapi('Observation'),
    ),
    nextCursor: z.string().nullable(),
    rolloutId: z.string(),
    arms: z.array(z.string()).openapi({ description: 'Labels, in order.' }),
  })
  .openapi('Observations');

/** A page of what happened to rollouts. */
export const rolloutEventsSchema = z
  .object({
    items: z.array(
      z
        .object({
          seq: count,
          rolloutId: z.string(),
          agentId: z.string(),
          revision: count,
          type: z.string(),
          at: instant,
          by: z.object({ actor: z.string(), reason: z.string().optional(), force: z.literal(true).optional() }),
          reason: z.string(),
          evidence: evidenceSchema.optional(),
          explanation,
        })
        .openapi('RolloutEvent'),
    ),
    next: count.openapi({ description: 'Cursor to read on from.' }),
  })
  .openapi('RolloutEvents');

/** A switch that sends every run to the active version. */
export const freezeSchema = z
  .object({ agentId: z.string(), by: z.string(), reason: z.string(), at: instant })
  .openapi('AgentFreeze');

/** A score of one step, or of an agent's part in a run. */
export const scoreSchema = z
  .object({
    runId: z.string(),
    agentId: z.string(),
    versionId: z.string(),
    scorer: z.string(),
    step: z.string(),
    value: z.number(),
    by: z.string(),
    reason: z.string().optional(),
    at: instant,
  })
  .openapi('Score');

/** Recorded steps that were tried again on a candidate. */
export const replaySchema = z
  .object({
    id: z.string(),
    agentId: z.string(),
    candidateVersionId: z.string(),
    status: z.enum(['running', 'passed', 'failed', 'inconclusive']),
    mode: z.enum(['strict', 'live']),
    rolloutId: z.string().optional(),
    createdAt: instant,
    finishedAt: instant.optional(),
    pairs: z.array(
      z.object({
        runId: z.string(),
        step: z.string(),
        replayRunId: z.string().optional(),
        state: z.enum(['waiting', 'running', 'done', 'failed']),
        values: z.record(z.string(), z.object({ recorded: z.number(), replayed: z.number() })),
        divergedCalls: count.optional(),
        reason: z.string().optional().openapi({ description: 'Why it failed.' }),
      }),
    ),
    comparison: z.array(
      z.object({
        metric: z.string(),
        pairs: count,
        meanDifference: z.number(),
        eWorse: z.number(),
        eNotWorse: z.number(),
        decides: z.boolean().optional().openapi({ description: 'It takes part in the verdict.' }),
      }),
    ),
    explanation,
  })
  .openapi('Replay');
