import { z } from '@hono/zod-openapi';

const instant = z.string().openapi({ format: 'date-time' });

/** What a join token is limited to. */
const limits = {
  labels: z
    .record(z.string().min(1).max(256), z.string().max(256))
    .optional()
    .openapi({ description: 'Of a token of kind join: the labels of its workers; the value * lets them choose.' }),
  maxUses: z
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .openapi({ description: 'Of a token of kind join: how many worker processes may join by it.' }),
};

const role = z.enum(['viewer', 'operator', 'release-manager', 'admin']);

/** A worker, as documented. */
export const workerSchema = z
  .object({
    workerId: z.string(),
    state: z.enum(['connected', 'suspect', 'draining', 'gone']),
    labels: z.record(z.string(), z.string()),
    slots: z.number().int(),
    running: z.number().int(),
    pid: z.number().int(),
    hostname: z.string(),
    version: z.string(),
    connectedAt: instant,
    tasks: z.number().int(),
    snapshotsReceived: z.number().int(),
    snapshotBytesReceived: z.number().int(),
    snapshotBytesSaved: z.number().int(),
  })
  .openapi('Worker');

/** Body of `POST /api/tokens`. */
export const createTokenBody = z
  .strictObject({
    kind: z.enum(['api', 'join']),
    role: role.optional().openapi({ description: 'Of a token of kind api; admin when absent.' }),
    name: z.string().trim().min(1).max(128),
    ttlMs: z
      .number()
      .int()
      .min(1_000)
      .max(10 * 365 * 86_400_000)
      .optional(),
    ...limits,
  })
  .openapi('CreateToken');

/** A token without its secret, as documented. */
export const tokenSchema = z
  .object({
    tokenId: z.string(),
    kind: z.enum(['api', 'join']),
    role: role.optional(),
    ...limits,
    uses: z.number().int().optional().openapi({ description: 'How many joined, of a token with maxUses.' }),
    name: z.string(),
    createdAt: instant,
    expiresAt: instant.optional(),
    revokedAt: instant.optional(),
  })
  .openapi('Token');

/** A fresh token; the only answer that ever holds its plain text. */
export const createdTokenSchema = tokenSchema.extend({ token: z.string() }).openapi('CreatedToken');

/** Readiness, as documented. */
export const readinessSchema = z
  .object({
    status: z.enum(['ready', 'not_ready', 'unknown']),
    checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })),
    coordinator: z
      .object({
        coordinatorId: z.string(),
        now: instant,
        workers: z.number().int().openapi({ description: 'Workers whose streams end at this coordinator.' }),
        shards: z.number().int(),
        others: z.array(
          z.object({
            coordinatorId: z.string(),
            reached: z.boolean(),
            sameFacts: z.boolean().openapi({ description: 'False while the two are of different versions.' }),
            leaving: z.boolean(),
          }),
        ),
      })
      .optional()
      .openapi({ description: 'With a token only.' }),
  })
  .openapi('Readiness');
