import type { ValueType } from '../dag/param.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';

/** What a value type is called in a message. */
export const describeType = (type: ValueType): string => {
  switch (type) {
    case 'string':
      return 'a string';
    case 'integer':
      return 'an integer';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return 'an object';
    case 'any':
      return 'any value';
  }
};

/**
 * The value as this type, or undefined when it is none. Text is read as people write it ("3", "true", "[1, 2]"), and a number or
 * boolean given for a string becomes its text. Integers are those that a double holds exactly.
 */
export const coerceValue = (type: ValueType, value: JsonValue): JsonValue | undefined => {
  if (matchesType(type, value)) return value;
  if (type === 'string') {
    return typeof value === 'number' || typeof value === 'boolean' ? canonicalJson(value) : undefined;
  }
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if ((type === 'integer' || type === 'number') && !/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text))
    return undefined;
  const read = type === 'array' || type === 'object' ? parseJson(text) : Number(text);
  return read !== undefined && matchesType(type, read) ? read : undefined;
};

/** True if the value is of this type as it stands. */
export const matchesType = (type: ValueType, value: JsonValue): boolean => {
  switch (type) {
    case 'any':
      return true;
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'integer':
      return Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
};

const parseJson = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};
