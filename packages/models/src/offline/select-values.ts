import type { JsonObject, JsonValue } from '@skein/domain';

/**
 * The values at a path such as `results[].outputs.commits[]`: `.name` goes into an object, `[]` into every element of a list, `[0]` into its first
 * element, `[-1]` into its last.
 */
export const selectValues = (root: JsonValue, path: string): readonly JsonValue[] => {
  let values: readonly JsonValue[] = [root];
  for (const segment of path.split('.').filter((part) => part !== '')) {
    const [, name = '', indexes = ''] = /^(.*?)((?:\[-?\d{0,9}\])*)$/s.exec(segment) ?? [];
    if (name !== '') values = values.flatMap((value) => member(value, name));
    for (const [, index = ''] of indexes.matchAll(/\[(-?\d*)\]/g)) {
      values = values.flatMap((value) => elements(value, index));
    }
  }
  return values;
};

/** All elements of a list, or the one at an index; of anything else none. */
const elements = (value: JsonValue, index: string): readonly JsonValue[] => {
  if (!Array.isArray(value)) return [];
  if (index === '') return value;
  const found = (value as readonly JsonValue[]).at(Number(index));
  return found === undefined ? [] : [found];
};

const member = (value: JsonValue, name: string): readonly JsonValue[] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const found = (value as JsonObject)[name];
  return found === undefined || !Object.hasOwn(value, name) ? [] : [found];
};

/** A value as one piece of text: strings as they are, lists by line, the rest as JSON. */
export const textOf = (value: JsonValue | undefined): string => {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(textOf).join('\n') : JSON.stringify(value);
};
