import { type JsonSchema, suggest } from '@skein/domain';
import { maxProblems, type SourceText, type Spot } from '../problem/source-text.ts';
import type { YamlEntry, YamlMap, YamlNode } from '../yaml/yaml-node.ts';
import { isNothing, notSupportedYet, type Shape, type ValueOf, wrongValue } from './shape.ts';

/** One field of a record. */
export interface Field<T> {
  readonly shape: Shape<T>;
  readonly about: string;
  /** Other names of the same field. */
  readonly aliases?: readonly string[];
  readonly required?: boolean;
}

/** The table of a record: its fields by name. */
export interface FieldTable {
  readonly [name: string]: Field<unknown>;
}

/** What was read of a record: the fields that are there and well formed. */
export interface RecordValue<F extends FieldTable> {
  readonly node: YamlMap;
  readonly values: { readonly [K in keyof F]?: ValueOf<F[K]['shape']> };
  /** The value nodes of all known fields that are there, readable or not. */
  readonly nodes: { readonly [K in keyof F]?: YamlNode };
  readonly keys: { readonly [K in keyof F]?: Spot };
  /** Fields that an unknown key was probably meant to be; they are not missing. */
  readonly suspected: ReadonlySet<string>;
}

/** A record's name in messages, its fields, and the words of features to come. */
export interface RecordOptions<F extends FieldTable> {
  readonly noun: string;
  readonly fields: F;
  readonly later?: readonly string[];
  /** Unknown fields are worth a warning and have no effect, as standards that others extend ask for. */
  readonly lenient?: boolean;
}

/** A map with known fields; every other key is a problem. A key without a value counts as absent. */
export const record = <const F extends FieldTable>(options: RecordOptions<F>): Shape<RecordValue<F>> => {
  const names = fieldNames(options.fields);
  const later = new Set(options.later);
  return {
    expected: `a map with the fields of ${options.noun}`,
    schema: recordSchema(options.fields),
    read: (node, source) => {
      if (node.kind !== 'map') return wrongValue(node, source, `a map with the fields of ${options.noun}`);
      const values = new Map<string, unknown>();
      const nodes = new Map<string, YamlNode>();
      const keys = new Map<string, Spot>();
      const suspected = new Set<string>();
      for (const entry of node.entries) {
        const field = names.get(entry.key);
        if (field === undefined) {
          const near = reportUnknown(entry, options, later, names, source);
          if (near !== undefined) suspected.add(near);
          continue;
        }
        if (isNothing(entry.value)) continue;
        if (nodes.has(field)) {
          source.report(entry.keySpot, {
            message:
              entry.key === field
                ? `${field} is also given under another name`
                : `${entry.key} is ${field} under another name`,
            expected: 'one of them',
          });
          continue;
        }
        keys.set(field, entry.keySpot);
        nodes.set(field, entry.value);
        const value = options.fields[field]?.shape.read(entry.value, source);
        if (value !== undefined) values.set(field, value);
      }
      reportMissing(node, options, (name) => nodes.has(name) || suspected.has(name), source);
      return {
        node,
        values: Object.fromEntries(values),
        nodes: Object.fromEntries(nodes),
        keys: Object.fromEntries(keys),
        suspected,
      } as unknown as RecordValue<F>;
    },
  };
};

/** Every accepted name with the field that it means. */
const fieldNames = (fields: FieldTable): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(fields).flatMap(([name, field]) =>
      [name, ...(field.aliases ?? [])].map((word) => [word, name] as const),
    ),
  );

/** Reports a key that is no field; returns the field that was probably meant. */
const reportUnknown = (
  entry: YamlEntry,
  { noun, lenient = false }: RecordOptions<FieldTable>,
  later: ReadonlySet<string>,
  names: ReadonlyMap<string, string>,
  source: SourceText,
): string | undefined => {
  if (later.has(entry.key)) {
    notSupportedYet(entry.keySpot, entry.key, source);
    return undefined;
  }
  // Near misses cost time, and past the limit nobody sees them.
  if (source.problems.length >= maxProblems) return undefined;
  const known = [...names.keys(), ...later];
  const near = suggest(entry.key, known) ?? known.find((name) => isStemOf(entry.key, name));
  const message = `unknown field ${entry.key} in ${noun}`;
  const finding = near === undefined ? { message, expected: listOf(names) } : { message, suggestion: near };
  if (lenient) source.warn(entry.keySpot, finding);
  else source.report(entry.keySpot, finding);
  if (lenient) return undefined;
  return near === undefined ? undefined : names.get(near);
};

/** `interval` of `interval_sec`. */
const isStemOf = (word: string, name: string): boolean => word.length >= 4 && name.startsWith(`${word}_`);

const listOf = (names: ReadonlyMap<string, string>): string => {
  const own = [...new Set(names.values())];
  return own.length > 12 ? `one of ${own.slice(0, 12).join(', ')}, …` : `one of ${own.join(', ')}`;
};

const reportMissing = <F extends FieldTable>(
  node: YamlMap,
  { fields, noun }: RecordOptions<F>,
  isThere: (name: string) => boolean,
  source: SourceText,
): void => {
  for (const [name, field] of Object.entries(fields)) {
    if (field.required !== true || isThere(name)) continue;
    source.report(node, { message: `${noun} needs ${name}`, expected: `${name}: ${field.shape.expected}` });
  }
};

const recordSchema = (fields: FieldTable): JsonSchema => {
  const properties: [string, JsonSchema][] = [];
  for (const [name, field] of Object.entries(fields)) {
    const schema = { ...field.shape.schema, description: field.about };
    properties.push([name, schema]);
    for (const alias of field.aliases ?? []) properties.push([alias, { ...schema, description: `Same as ${name}.` }]);
  }
  const required = Object.keys(fields).filter((name) => fields[name]?.required === true && !fields[name].aliases);
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
  };
};
