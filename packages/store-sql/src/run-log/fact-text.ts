import { cleanText, DomainError, type JsonValue, type RunFact } from '@skein/domain';

/** Largest fact as JSON, in UTF-8 bytes. */
const maxFactBytes = 64 * 1024;

const cleanValue = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), cleanValue(inner)]));
};

/** JSON writes NUL and lone surrogates as `\u` escapes, so clean text is recognised without a walk. */
const dirty = /\\u(?:0000|d[89a-f])/i;

const textOf = (fact: RunFact): string => {
  const text = JSON.stringify(fact);
  const clean = dirty.test(text) ? JSON.stringify(cleanValue(JSON.parse(text) as JsonValue)) : text;
  // A UTF-16 unit takes at most 3 bytes, so most facts need no count.
  if (clean.length * 3 <= maxFactBytes) return clean;
  const actual = Buffer.byteLength(clean);
  if (actual > maxFactBytes) throw new DomainError('too_large', 'fact over 64 KiB', { limit: maxFactBytes, actual });
  return clean;
};

/** Facts as one JSON array without NUL and lone surrogates. Throws `too_large`. */
export const encodeFacts = (facts: readonly RunFact[]): string => `[${facts.map(textOf).join(',')}]`;

/** The facts of one row. */
export const decodeFacts = (text: string): readonly RunFact[] => JSON.parse(text) as readonly RunFact[];
