import { DomainError } from '../errors/domain-error.ts';
import { hasLoneSurrogate } from '../text/clean-text.ts';
import { utf8Bytes } from '../text/utf8.ts';
import type { JsonValue } from './json-value.ts';

/** Deepest nesting that `canonicalJson` writes; also what stops a cyclic value. */
export const maxCanonicalDepth = 1_000;

/**
 * The one text of a JSON value: keys sorted by UTF-16 code units, no spaces, numbers and strings as ECMAScript writes them.
 * A property that is `undefined` is absent. Throws `invalid_argument` for lone surrogates, numbers that are not finite,
 * anything that JSON has no form for, and nesting deeper than 1,000.
 * @source https://www.rfc-editor.org/rfc/rfc8785
 */
export const canonicalJson = (value: JsonValue): string => write(value, 0);

const write = (value: unknown, depth: number): string => {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === 'string') return writeString(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new DomainError('invalid_argument', `JSON has no form for the number ${value}`);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new DomainError('invalid_argument', `JSON has no form for ${typeof value}`);
  if (depth >= maxCanonicalDepth) {
    throw new DomainError('invalid_argument', `JSON is nested deeper than ${maxCanonicalDepth} levels`);
  }
  return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
};

const writeArray = (items: readonly unknown[], depth: number): string => {
  let text = '[';
  for (let index = 0; index < items.length; index++) text += (index === 0 ? '' : ',') + write(items[index], depth);
  return `${text}]`;
};

const writeObject = (value: object, depth: number): string => {
  const entries = value as { readonly [key: string]: unknown };
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const entry = entries[key];
    if (entry === undefined) continue;
    text += `${text === '' ? '' : ','}${writeString(key)}:${write(entry, depth)}`;
  }
  return `{${text}}`;
};

const writeString = (text: string): string => {
  if (hasLoneSurrogate(text)) throw new DomainError('invalid_argument', 'text holds a lone surrogate');
  return JSON.stringify(text);
};

/** UTF-8 bytes of the canonical JSON; what digests of values and the parts of a snapshot are made of. Throws as `canonicalJson`. */
export const canonicalBytes = (value: JsonValue): Uint8Array => utf8Bytes(canonicalJson(value));
