import type { JsonValue } from '@skein/domain';

/**
 * The value at a JSON Pointer; undefined when there is none.
 * @source https://www.rfc-editor.org/rfc/rfc6901
 */
export const readPointer = (value: JsonValue, pointer: string): JsonValue | undefined => {
  if (pointer === '') return value;
  let at: JsonValue | undefined = value;
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d{0,9})$/.test(key) ? at[Number(key)] : undefined;
    else if (typeof at === 'object' && at !== null) at = Object.hasOwn(at, key) ? at[key] : undefined;
    else return undefined;
  }
  return at;
};
