import { cleanText, type JsonValue } from '@skein/domain';

/** Level by level, because a recursion is what such a value would end. */
export const isDeeperThan = (value: JsonValue, max: number): boolean => {
  let level: readonly JsonValue[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > max) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
};

/** Without NUL and lone surrogates, which cannot be stored, in texts and keys. For values that are not nested without end. */
export const cleanJson = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), cleanJson(inner)]));
};
