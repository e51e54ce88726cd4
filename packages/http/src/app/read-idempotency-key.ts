import { DomainError } from '@skein/domain';
import type { Context } from 'hono';
import type { ApiEnv } from './api.ts';

/** The header `Idempotency-Key`: 1 to 255 printable ASCII characters. Throws `invalid_argument`. */
export const readIdempotencyKey = (context: Context<ApiEnv>): string | undefined => {
  const header = context.req.header('idempotency-key');
  if (header === undefined) return undefined;
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(header)) return header;
  throw new DomainError('invalid_argument', 'Idempotency-Key must have 1 to 255 printable ASCII characters', {
    problems: [{ message: 'not a usable key', field: 'Idempotency-Key' }],
  });
};
