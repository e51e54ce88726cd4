import { cleanText, DomainError, type JsonValue } from '@skein/domain';

/** Largest fact as JSON, in UTF-8 bytes. */
export const maxFactBytes = 64 * 1024;

const cleanValue = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), cleanValue(inner)]));
};

/** JSON of a value without NUL and lone surrogates. JSON writes both as `\u` escapes, so clean text is recognised without a walk. */
export const cleanJson = (value: unknown): string => {
  const text = JSON.stringify(value);
  return /\\u(?:0000|d[89a-f])/i.test(text) ? JSON.stringify(cleanValue(JSON.parse(text) as JsonValue)) : text;
};

/** JSON texts of facts, cleaned. Throws `too_large` before anything is written. */
export const factTexts = (facts: readonly unknown[]): readonly string[] =>
  facts.map((fact) => {
    const text = cleanJson(fact);
    const actual = Buffer.byteLength(text);
    if (actual > maxFactBytes) throw new DomainError('too_large', 'fact over 64 KiB', { limit: maxFactBytes, actual });
    return text;
  });
