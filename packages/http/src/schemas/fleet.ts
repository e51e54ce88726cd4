import { z } from '@hono/zod-openapi';

const instant = z.string().openapi({ format: 'date-time' });

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
    name: z.string().trim().min(1).max(128),
    ttlMs: z
      .number()
      .int()
      .min(1_000)
      .max(10 * 365 * 86_400_000)
      .optional(),
  })
  .openapi('CreateToken');

/** A token without its secret, as documented. */
export const tokenSchema = z
  .object({
    tokenId: z.string(),
    kind: z.enum(['api', 'join']),
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
  })
  .openapi('Readiness');
