import type { Digest, JsonValue } from '@skein/domain';
import { DomainError, maxCanonicalDepth } from '@skein/domain';

/**
 * Checks of single fields that a peer sent. Each returns the value in our type or throws `invalid_argument` naming the field;
 * the frame decoder turns that into a refusal of the one stream. Nothing here trusts a type that the wire claims.
 */

/** Longest id, name or label, in UTF-16 units. */
const maxNameLength = 256;
/** Longest free text (messages, reasons). */
const maxTextLength = 64 * 1024;
/**
 * Deepest JSON nesting: whatever canonical JSON takes, with room for what the wire puts around a value. Recursive code behind the wire
 * must not overflow its stack; and a value that one side may hold must never make the other refuse the stream.
 */
const maxJsonDepth = maxCanonicalDepth + 24;

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/;

/** The error of a bad field. */
export const bad = (field: string, expected: string): DomainError<'invalid_argument'> =>
  new DomainError('invalid_argument', `${field} must be ${expected}`, { problems: [{ message: expected, field }] });

/** Free text, at most 64 Ki units. */
export const textField = (value: unknown, field: string): string => {
  if (typeof value !== 'string' || value.length > maxTextLength) throw bad(field, 'a text of at most 64 Ki characters');
  return value;
};

/** Free text cut to what `textField` takes. */
export const cutText = (text: string): string => (text.length > maxTextLength ? text.slice(0, maxTextLength) : text);

/** A short name; may be empty only if `empty`. */
export const nameField = (value: unknown, field: string, empty = false): string => {
  if (typeof value !== 'string' || value.length > maxNameLength || (!empty && value === ''))
    throw bad(field, `a name of ${empty ? '0' : '1'} to ${maxNameLength} characters`);
  return value;
};

/** True for an id. */
export const isId = (value: unknown): value is string => typeof value === 'string' && idPattern.test(value);

/** An id: letters, digits, `_ . : -`. */
export const idField = (value: unknown, field: string): string => {
  if (!isId(value)) throw bad(field, 'an id');
  return value;
};

/** `sha256:` + 64 hex digits. */
export const digestField = (value: unknown, field: string): Digest => {
  if (typeof value !== 'string' || !digestPattern.test(value)) throw bad(field, 'a sha256 digest');
  return value;
};

/** An integer from `least` to 2^53 - 1. */
export const integerField = (value: unknown, field: string, least = 0): number => {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw bad(field, `an integer from ${least} to 2^53 - 1`);
  return value as number;
};

/** A finite number, not negative. */
export const amountField = (value: unknown, field: string): number => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw bad(field, 'a finite number, 0 or more');
  return value;
};

/** One of a closed list. */
export const oneOfField = <T extends string>(value: unknown, field: string, allowed: ReadonlySet<T>): T => {
  if (!allowed.has(value as T)) throw bad(field, `one of ${[...allowed].join(', ')}`);
  return value as T;
};

/** A list whose items `read` checks. */
export const listField = <T>(value: unknown, field: string, read: (item: unknown, field: string) => T): T[] => {
  if (!Array.isArray(value)) throw bad(field, 'a list');
  return value.map((item) => read(item, field));
};

/** A list of digests. */
export const digestsField = (value: unknown, field: string): Digest[] => listField(value, field, digestField);

/** Names to names. */
export const namesField = (value: unknown, field: string): { [name: string]: string } => {
  if (!isRecord(value)) throw bad(field, 'an object');
  const names: { [name: string]: string } = {};
  for (const key of Object.keys(value)) names[nameField(key, field)] = nameField(value[key], field, true);
  return names;
};

/** Bytes, as a view of the received frame. */
export const bytesField = (value: unknown, field: string): Uint8Array => {
  if (!(value instanceof Uint8Array)) throw bad(field, 'bytes');
  return value;
};

/** True for objects that are neither null nor lists. */
export const isRecord = (value: unknown): value is { [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A present message field. */
export const presentField = <T>(value: T | null | undefined, field: string): T => {
  if (value === null || value === undefined) throw bad(field, 'present');
  return value;
};

/** The value of a JSON text. */
export const jsonField = (value: unknown, field: string): JsonValue => {
  if (typeof value !== 'string' || tooDeep(value)) throw bad(field, `JSON at most ${maxJsonDepth} levels deep`);
  try {
    return JSON.parse(value) as JsonValue;
  } catch {
    throw bad(field, 'JSON');
  }
};

/** A JSON object; an empty text stands for an empty one. */
export const jsonObjectField = (value: unknown, field: string): { [key: string]: JsonValue } => {
  if (value === '') return {};
  const parsed = jsonField(value, field);
  if (!isRecord(parsed)) throw bad(field, 'a JSON object');
  return parsed as { [key: string]: JsonValue };
};

/** Counts brackets outside strings; texts that are too short to be deep are not looked at. */
const tooDeep = (text: string): boolean => {
  if (text.length < 2 * maxJsonDepth) return false;
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (quoted) {
      if (unit === 0x5c) index++;
      else if (unit === 0x22) quoted = false;
    } else if (unit === 0x22) quoted = true;
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > maxJsonDepth) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return false;
};
