import { DomainError } from '../errors/domain-error.ts';
import type { TextHasher } from '../hashing/text-hasher.ts';
import { hasLoneSurrogate } from '../text/clean-text.ts';
import { utf8Bytes } from '../text/utf8.ts';
import { totalParts } from './rollout-record.ts';

/** SHA-256 of bytes, 32 of them. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Where a unit stands under a rollout's salt, and the name under which it is counted: the raw unit is not kept. */
export interface UnitPlace {
  /** In [0, 2^32). */
  readonly position: number;
  /** First 16 bytes of the same digest, 32 hex digits. */
  readonly unit: string;
}

/**
 * The routing unit of a run: the value of the first key that holds a non-empty string. Numbers, booleans and empty strings are no units.
 * Undefined: the run goes to stable and is counted as unrouted. Throws `invalid_argument` with the field for a unit with a NUL or a lone surrogate.
 */
export const unitOf = (context: { readonly [key: string]: unknown }, keys: readonly string[]): string | undefined => {
  for (const key of keys) {
    if (!Object.hasOwn(context, key)) continue;
    const value = context[key];
    if (typeof value !== 'string' || value === '') continue;
    if (isUnit(value)) return value;
    const message = 'a routing key may hold no NUL and no lone surrogate';
    throw new DomainError('invalid_argument', message, { problems: [{ message, field: `routingContext.${key}` }] });
  }
  return undefined;
};

/** True for a text that has one UTF-8 form and no NUL, and is not empty. */
export const isUnit = (text: string): boolean => text !== '' && !text.includes('\u0000') && !hasLoneSurrogate(text);

/**
 * Position (as `rolloutPosition`) and hash of a unit by one SHA-256. A `TextHasher` is several times as fast as bytes, with the same answer.
 * Throws `invalid_argument` for a NUL or a lone surrogate in salt or unit.
 */
export const placeUnit = (sha256: Sha256 | TextHasher, salt: string, unit: string): UnitPlace => {
  if (unit.includes('\u0000') || salt.includes('\u0000') || hasLoneSurrogate(salt) || hasLoneSurrogate(unit)) {
    throw new DomainError('invalid_argument', 'salt and routing key may hold no NUL and no lone surrogate');
  }
  const text = `rollout/v1\u0000${salt}\u0000${unit}`;
  const digits =
    typeof sha256 === 'function' ? hexOf(sha256(utf8Bytes(text))) : sha256.digest(text).slice(prefix, prefix + 32);
  return { position: Number.parseInt(digits.slice(0, 8), 16), unit: digits };
};

const prefix = 'sha256:'.length;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const hexOf = (digest: Uint8Array): string => {
  let digits = '';
  for (let at = 0; at < 16; at += 1) digits += hex[digest[at] as number] as string;
  return digits;
};

/**
 * True for a fixed share of the units of a rollout, chosen by hash with a salt of its own, so that being sampled says nothing about the arm.
 * `unitHash`: `UnitPlace.unit`. `share`: 0 to 1.
 */
export const isSampled = (
  sha256: Sha256 | TextHasher,
  salt: string,
  unitHash: string,
  share: number,
  purpose: 'sample' | 'shadow',
): boolean =>
  share >= 1 || (share > 0 && placeUnit(sha256, `${salt}/${purpose}`, unitHash).position < share * totalParts);
