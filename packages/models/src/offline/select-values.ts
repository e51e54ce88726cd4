import type { JsonObject, JsonValue } from '@skein/domain';

/** The values at a path such as `results[].outputs.commits[]`: `.name` goes into an object, `[]` into every element of a list. */
export const selectValues = (root: JsonValue, path: string): readonly JsonValue[] => {
  let values: readonly JsonValue[] = [root];
  for (const segment of path.split('.').filter((part) => part !== '')) {
    const [name = '', ...lists] = segment.split('[]');
    if (name !== '') values = values.flatMap((value) => member(value, name));
    for (let depth = 0; depth < lists.length; depth += 1) {
      values = values.flatMap((value) => (Array.isArray(value) ? value : []));
    }
  }
  return values;
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
