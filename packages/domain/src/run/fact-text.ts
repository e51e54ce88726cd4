import { DomainError } from '../errors/domain-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import { cleanText } from '../text/clean-text.ts';
import { utf8Length } from '../text/utf8.ts';
import type { RunFact } from './run-fact.ts';

/** Largest fact as JSON, in UTF-8 bytes. */
export const maxFactBytes = 64 * 1024;

const cleanValue = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), cleanValue(inner)]));
};

/** JSON writes NUL and lone surrogates as `\u` escapes, so clean text is recognised without a walk. */
const dirty = /\\u(?:0000|d[89a-f])/i;

/** The JSON text under which every store keeps a fact: without NUL and lone surrogates. Throws `too_large` over 64 KiB. */
export const encodeFact = (fact: RunFact): string => {
  const text = JSON.stringify(fact);
  const clean = dirty.test(text) ? JSON.stringify(cleanValue(JSON.parse(text) as JsonValue)) : text;
  // A UTF-16 unit takes at most 3 bytes, so most facts need no count.
  if (clean.length * 3 <= maxFactBytes) return clean;
  const actual = utf8Length(clean);
  if (actual > maxFactBytes) throw new DomainError('too_large', 'fact over 64 KiB', { limit: maxFactBytes, actual });
  return clean;
};
