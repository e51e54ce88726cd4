import { z } from '@hono/zod-openapi';
import { parseMemoryScope } from '@skein/domain';
import { runId } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });
const count = z.number().int().min(0);

/** Largest text in a body, in UTF-16 units: more than any text that the coordinator takes. */
const maxTextLength = 128 * 1024;

/** `global`, `dag/NAME` or `agent/ID`. */
export const memoryScope = z
  .string()
  .refine((scope) => parseMemoryScope(scope) !== undefined, 'must be global, dag/NAME or agent/ID')
  .openapi({ example: 'agent/triager' });

/** Id of a proposal in a path: `run:step:attempt:index`. */
export const proposalId = z.string().regex(/^[A-Za-z0-9_.:@[\]-]{1,256}$/);

/** Statuses of a proposal. */
export const proposalStatus = z.enum(['pending', 'review', 'folded', 'rejected', 'dropped', 'reverted']);

const change = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('seed') }),
    z.object({ kind: z.literal('set'), by: z.string() }),
    z.object({ kind: z.literal('fold'), proposalIds: z.array(z.string()) }),
    z.object({ kind: z.literal('revert'), runId, by: z.string() }),
  ])
  .openapi('MemoryChange');

/** One memory scope in a list, as documented. */
export const memorySummarySchema = z
  .object({ scope: z.string(), revision: count, bytes: count })
  .openapi('MemorySummary');

/** One revision in a history, as documented. */
export const memoryHistorySchema = memorySummarySchema.extend({ at: instant, change }).openapi('MemoryRevision');

/** One revision with its text, as documented. */
export const memoryDocumentSchema = memoryHistorySchema.extend({ text: z.string() }).openapi('Memory');

/** A proposal, as documented. */
export const proposalSchema = z
  .object({
    proposalId: z.string(),
    scope: z.string(),
    op: z.enum(['append', 'replace', 'remove']),
    text: z.string(),
    basis: z.string().optional(),
    runId: z.string(),
    step: z.string(),
    attempt: z.number().int(),
    agentId: z.string(),
    versionId: z.string(),
    at: instant,
    status: proposalStatus,
    reason: z.string().optional(),
    revision: z.number().int().optional(),
  })
  .openapi('MemoryProposal');

/** Body of `PUT /api/memory/scopes`. */
export const setMemoryBody = z
  .strictObject({
    text: z.string().max(maxTextLength),
    expectedRevision: count.optional().openapi({
      description: 'Answers `version_conflict` when the scope is at another revision; 0: it must not exist yet.',
    }),
  })
  .openapi('SetMemory');

/** Body of `POST /api/memory/fold`. */
export const foldMemoryBody = z.strictObject({ scope: memoryScope.optional() }).optional().openapi('FoldMemory');

/** What a fold did, by scope, as documented. */
export const foldResultSchema = z
  .object({ scope: z.string(), revision: count, folded: count, review: count, dropped: count })
  .openapi('FoldResult');

/** What a revert did, as documented. */
export const revertResultSchema = z
  .object({
    runId: z.string(),
    scopes: z.array(
      z.object({
        scope: z.string(),
        revision: count,
        reverted: count,
        rejected: count,
        review: count,
        setSince: z.boolean(),
      }),
    ),
  })
  .openapi('RevertResult');
