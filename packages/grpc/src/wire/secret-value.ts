import { DomainError, utf8Length } from '@skein/domain';
import { maxSecretBytes } from '@skein/ports';
import { bad, isRecord } from './fields.ts';

/** The value if it may travel. Throws `too_large`; no error here says anything of the value itself (S3). */
export const boundedSecret = (value: string): string => {
  if (utf8Length(value) <= maxSecretBytes) return value;
  throw new DomainError('too_large', 'the value of the secret is too large', { limit: maxSecretBytes });
};

/** The value in the answer of a `ReadSecret` call. Throws `invalid_argument` for an answer that is none. */
export const secretValueOf = (response: unknown): string => {
  const value = isRecord(response) ? response['value'] : undefined;
  if (typeof value !== 'string') throw bad('value', 'a text');
  return boundedSecret(value);
};
