import { DomainError, type JsonObject, type JsonValue } from '@skein/domain';

/** The string under a name of a tool's input. Throws `invalid_argument`. */
export const textField = (input: JsonValue, name: string): string => {
  const value = objectOf(input)?.[name];
  if (typeof value === 'string') return value;
  throw new DomainError('invalid_argument', `the input needs a string ${JSON.stringify(name)}`);
};

/** Like `textField`, for one that may be missing or null. */
export const optionalTextField = (input: JsonValue, name: string): string | undefined => {
  const value = objectOf(input)?.[name];
  return value === undefined || value === null ? undefined : textField(input, name);
};

/** The value as an object; undefined when it is none. */
export const objectOf = (value: JsonValue | undefined): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
