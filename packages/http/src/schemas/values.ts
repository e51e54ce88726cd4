import { z } from '@hono/zod-openapi';
import { isName, parseStepPath } from '@skein/domain';

/** Any JSON value, as documented; the body parser already made it one. */
export const jsonValue = z.unknown().openapi('JsonValue', { description: 'Any JSON value.' });

/** A JSON object. */
export const jsonObject = z.record(z.string(), z.unknown());

/** `sha256:` + 64 hex digits. */
export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** A run's id in a path. */
export const runId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** A run's id as coordinators make it: `run_` + UUIDv7. */
export const runIdPattern = /^run_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Name of a DAG or an agent in a path. */
export const name = z.string().refine(isName);

/** A step, or an item of a fan-out, in a path. */
export const stepPath = z.string().refine((path) => parseStepPath(path) !== undefined);

/** A version id, a digest or an alias like `v3`. */
export const version = z.string().regex(/^[A-Za-z0-9:._-]{1,128}$/);

/** A rollout's id. */
export const rolloutId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** An opaque id in a path. */
export const opaqueId = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);

/** The same schema for the same numbers: many routes ask for the same ones, and each app that starts asks again. */
const once = <S>(make: (one: number, other: number) => S): ((one: number, other: number) => S) => {
  const made = new Map<string, S>();
  return (one, other) => {
    const key = `${one} ${other}`;
    const known = made.get(key) ?? make(one, other);
    made.set(key, known);
    return known;
  };
};

/** A whole number in a query. */
export const queryInteger = once((min, max) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().int().min(min).max(max)),
);

/** `limit` of a list: a larger one than `max` is lowered to it. */
export const limitUpTo = once((max, byDefault) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
    .transform((text) => Math.min(Number(text), max))
    .optional()
    .transform((limit) => limit ?? byDefault)
    .openapi({ type: 'integer', minimum: 1, maximum: max, default: byDefault }),
);

/** `cursor` of a list: what the page before called `nextCursor`. */
export const cursor = z.string().min(1).max(1_024).optional();

/** `true` or `false` in a query. */
export const queryFlag = z
  .enum(['true', 'false', '1', '0', ''])
  .optional()
  .transform((text) => text !== undefined && text !== 'false' && text !== '0')
  .openapi({ type: 'boolean', default: false });

/** A page of a list; `nextCursor` is null on the last page. */
export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
