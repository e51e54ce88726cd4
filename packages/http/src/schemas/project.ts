import { z } from '@hono/zod-openapi';
import { digest, jsonObject, jsonValue } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });

const problem = z.object({
  message: z.string(),
  file: z.string().optional(),
  line: z.number().int().optional(),
  column: z.number().int().optional(),
  field: z.string().optional(),
});

/** Body of `POST /api/apply`. A file has `text`, or `base64` when its bytes are not UTF-8. */
export const applyBody = z
  .strictObject({
    files: z
      .array(
        z.strictObject({
          path: z.string().min(1).max(1_024),
          mode: z.number().int().min(0).max(0o777).default(0o644),
          text: z.string().optional(),
          base64: z.base64().optional(),
        }),
      )
      .max(20_000),
    autoModel: z
      .strictObject({
        provider: z.enum(['offline', 'openai', 'anthropic', 'openai-compatible']),
        model: z.string().min(1).max(256),
        baseUrl: z.url().max(2_048).optional(),
        secretName: z.string().min(1).max(128).optional(),
      })
      .optional()
      .openapi({ description: 'What `provider: auto` becomes; the rule-based offline model when not given.' }),
    activate: z
      .union([z.boolean(), z.literal('new')])
      .default(false)
      .openapi({
        description: '`new`: only versions that are new, or whose agent has no active one yet.',
      }),
    candidate: z.boolean().default(false).openapi({
      description: 'Name the published versions the candidates of their agents; not together with `activate: true`.',
    }),
    dryRun: z.boolean().default(false),
  })
  .openapi('Apply');

const changeKind = z.enum(['created', 'updated', 'unchanged']);
const alias = z.object({ before: z.string().optional(), after: z.string().optional() });

const versionChange = z
  .object({
    path: z.string().openapi({ example: 'skills/deploy/SKILL.md' }),
    kind: z.enum(['added', 'removed', 'changed']),
    before: jsonValue.optional(),
    after: jsonValue.optional(),
    lines: z
      .array(z.string())
      .optional()
      .openapi({ description: 'Of a text: `-` removed, `+` added, a space kept, `@@` left out.' }),
  })
  .openapi('VersionChange');

const applyPlanSchema = z
  .object({
    agents: z.array(
      z.object({
        agentId: z.string(),
        change: changeKind,
        versionId: z.string(),
        version: alias,
        active: alias,
        candidate: alias,
        changes: z.array(versionChange),
        scorers: z
          .object({ added: z.array(z.string()), removed: z.array(z.string()), changed: z.array(z.string()) })
          .optional()
          .openapi({ description: 'Ids of scorers that differ: no part of a version. Absent when none does.' }),
      }),
    ),
    dags: z.array(
      z.object({
        name: z.string(),
        change: changeKind,
        before: digest.optional(),
        digest,
        steps: z.object({
          added: z.array(z.string()),
          removed: z.array(z.string()),
          changed: z.array(z.string()),
        }),
        fields: z.array(z.string()),
      }),
    ),
    parts: z.array(
      z.object({
        kind: z.enum(['model', 'soul', 'skill']),
        name: z.string(),
        change: z.enum(['added', 'removed', 'changed']),
        agents: z.array(z.string()),
      }),
    ),
    memory: z.array(z.object({ scope: z.string(), change: z.enum(['seeded', 'kept']) })),
  })
  .openapi('ApplyPlan');

/** How two versions of an agent differ, as documented. */
export const agentDiffSchema = z
  .object({
    agentId: z.string(),
    from: z.object({ versionId: z.string(), alias: z.string() }),
    to: z.object({ versionId: z.string(), alias: z.string() }),
    changes: z.array(versionChange),
  })
  .openapi('AgentDiff');

/** What an apply did, as documented. */
export const applyResultSchema = z
  .object({
    dryRun: z.boolean(),
    agents: z.array(
      z.object({
        agentId: z.string(),
        versionId: z.string(),
        alias: z.string(),
        created: z.boolean(),
        activated: z.boolean(),
        candidate: z.boolean(),
      }),
    ),
    dags: z.array(z.object({ name: z.string(), digest, change: z.enum(['created', 'updated', 'unchanged']) })),
    memory: z.array(z.object({ scope: z.string(), seeded: z.boolean() })),
    warnings: z.array(problem),
    plan: applyPlanSchema,
  })
  .openapi('ApplyResult');

/** One DAG in a list, as documented. */
export const dagSummarySchema = z
  .object({ name: z.string(), digest, description: z.string().optional(), steps: z.number().int() })
  .openapi('DagSummary');

/** One DAG in full, as documented. */
export const dagSchema = z
  .object({ name: z.string(), digest, dag: jsonObject, source: z.string().optional() })
  .openapi('Dag');

/** A schedule of a DAG, as documented. */
export const scheduleSchema = z
  .object({
    dag: z.string(),
    dagDigest: digest,
    scheduleId: z.string(),
    cron: z.string(),
    timeZone: z.string(),
  })
  .openapi('Schedule');

/** One agent in a list, as documented. */
export const agentSummarySchema = z
  .object({
    agentId: z.string(),
    activeVersionId: z.string().optional(),
    activeAlias: z.string().optional(),
    candidateVersionId: z.string().optional(),
    candidateAlias: z.string().optional(),
    versions: z.number().int(),
  })
  .openapi('AgentSummary');

/** A published agent version, as documented. */
export const agentVersionSchema = z
  .object({
    agentId: z.string(),
    versionId: z.string(),
    alias: z.string(),
    content: jsonObject,
    publishedAt: instant,
  })
  .openapi('AgentVersion');
