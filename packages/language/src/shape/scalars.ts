import { type JsonSchema, type JsonValue, suggest } from '@skein/domain';
import { toJson } from '../yaml/to-json.ts';
import { isNothing, lastName, type Shape, wrongValue } from './shape.ts';

/** Any scalar, as the author wrote it: `1.10` stays `1.10`. */
export const text = (expected = 'text'): Shape<string> => ({
  expected,
  schema: { type: ['string', 'number', 'boolean'] },
  read: (node, source) => {
    if (node.kind !== 'scalar' || node.value === null) return wrongValue(node, source, expected);
    return node.source;
  },
});

/** One of some words, with a suggestion for a near miss; `later` are words of features to come. */
export const word = <W extends string>(words: readonly W[], later: readonly string[] = []): Shape<W> => {
  const expected = words.length === 1 ? String(words[0]) : `one of ${words.join(', ')}`;
  return {
    expected,
    schema: { enum: [...words] },
    read: (node, source) => {
      const value = text(expected).read(node, source);
      if (value === undefined) return undefined;
      const found = words.find((candidate) => candidate === value);
      if (found !== undefined) return found;
      if (later.includes(value)) {
        source.report(node, { message: `${lastName(node.path)} ${value} is not supported yet`, code: 'unimplemented' });
        return undefined;
      }
      const near = suggest(value, words);
      const message = `${quoted(value)} is not a value of ${lastName(node.path)}`;
      source.report(node, { message, expected, ...(near === undefined ? {} : { suggestion: near }) });
      return undefined;
    },
  };
};

/** true or false. */
export const flag: Shape<boolean> = {
  expected: 'true or false',
  schema: { type: 'boolean' },
  read: (node, source) => {
    if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
    return wrongValue(node, source, 'true or false');
  },
};

/** Bounds of a number, both inclusive; `above` is exclusive. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly integer?: boolean;
}

/** A number within bounds. */
export const number = (bounds: Bounds = {}, unit = ''): Shape<number> => {
  const expected = describeBounds(bounds, unit);
  const { min = -Infinity, max = Infinity, above = -Infinity, integer = false } = bounds;
  return {
    expected,
    schema: numberSchema(bounds),
    read: (node, source) => {
      const value = node.kind === 'scalar' ? node.value : undefined;
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrongValue(node, source, expected);
      const whole = !integer || Number.isSafeInteger(value);
      return whole && value >= min && value <= max && value > above ? value : wrongValue(node, source, expected);
    },
  };
};

const numberSchema = ({ min, max, above, integer }: Bounds): JsonSchema => ({
  type: integer === true ? 'integer' : 'number',
  ...(min === undefined ? {} : { minimum: min }),
  ...(max === undefined ? {} : { maximum: max }),
  ...(above === undefined ? {} : { exclusiveMinimum: above }),
});

const describeBounds = ({ min, max, above, integer }: Bounds, unit: string): string => {
  const noun = `${integer === true ? 'a whole number' : 'a number'}${unit === '' ? '' : ` of ${unit}`}`;
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`;
  if (min !== undefined) return `${noun}, ${min} or more`;
  return above === undefined ? noun : `${noun} above ${above}`;
};

/** A whole number within bounds. */
export const integer = (bounds: Omit<Bounds, 'integer'> = {}): Shape<number> => number({ ...bounds, integer: true });

/** Seconds in the file, whole milliseconds as value; at most ten years. */
export const seconds = (bounds: Bounds = { min: 0 }): Shape<number> => {
  const shape = number({ max: 315_360_000, ...bounds }, 'seconds');
  return {
    expected: shape.expected,
    schema: shape.schema,
    read: (node, source) => {
      const value = shape.read(node, source);
      return value === undefined ? undefined : Math.ceil(value * 1000);
    },
  };
};

/** Any value, as JSON. */
export const json: Shape<JsonValue> = { expected: 'any value', schema: {}, read: toJson };

/** A map of any values, as JSON. */
export const jsonMap: Shape<{ [key: string]: JsonValue }> = {
  expected: 'a map',
  schema: { type: 'object' },
  read: (node, source) => {
    if (node.kind !== 'map' || isNothing(node)) return wrongValue(node, source, 'a map');
    return toJson(node, source) as { [key: string]: JsonValue };
  },
};

/** Text in quotes for a message, shortened. */
export const quoted = (value: string): string => JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
