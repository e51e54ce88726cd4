import { z } from '@hono/zod-openapi';
import { jsonObject } from './values.ts';

const instant = z.string().openapi({ format: 'date-time' });

/** One entry of the audit log, as documented. */
export const auditEntrySchema = z
  .object({
    id: z.string(),
    at: instant,
    actor: z.object({
      kind: z.enum(['token', 'worker', 'peer', 'trigger', 'system']),
      id: z.string(),
      name: z.string().optional(),
    }),
    action: z.string().openapi({ description: 'Method and pattern of the route, or the name of a worker call.' }),
    target: z.string().optional(),
    outcome: z.string().openapi({ description: '`done`, or the code of the error.' }),
    details: jsonObject.optional(),
  })
  .openapi('AuditEntry');

/** A name of a stored secret in a path. */
export const secretName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/);

/** Body of `PUT /api/secrets/{name}`. */
export const setSecretBody = z.strictObject({ value: z.string().min(1) }).openapi('SetSecret');

/** A stored secret without its value, as documented. */
export const storedSecretSchema = z
  .object({ name: z.string(), keyId: z.string(), updatedAt: instant, updatedBy: z.string() })
  .openapi('StoredSecret');

/** What a rotation did, as documented. */
export const rotationSchema = z
  .object({
    keyId: z.string(),
    rotated: z.number().int(),
    failed: z.array(z.object({ name: z.string(), code: z.string() })),
  })
  .openapi('SecretRotation');

const pointers = z.record(z.string().max(128), z.string().max(1_024));

/** Body of `POST /api/triggers`. */
export const createTriggerBody = z
  .strictObject({
    name: z.string().trim().min(1).max(128),
    dag: z.string().min(1).max(64),
    params: pointers.optional().openapi({
      description:
        'Where each param lies in the body: a JSON Pointer, "" for all of it. Without it the whole body is the param `body`.',
    }),
  })
  .openapi('CreateTrigger');

/** A trigger without its secret, as documented. */
export const triggerSchema = z
  .object({
    triggerId: z.string(),
    name: z.string(),
    dag: z.string(),
    params: pointers.optional(),
    createdAt: instant,
    createdBy: z.string(),
  })
  .openapi('Trigger');

/** A fresh trigger; the only answer that ever holds its secret. */
export const createdTriggerSchema = triggerSchema.extend({ secret: z.string() }).openapi('CreatedTrigger');

/** What a trigger started. */
export const triggeredSchema = z.object({ runId: z.string(), created: z.boolean() }).openapi('Triggered');
