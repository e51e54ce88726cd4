import type { JsonValue, ParamDef, ValueType } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { list, mapOf } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { flag, json, number, quoted, text, word } from '../shape/scalars.ts';
import { byKind, isNothing, mapped, type Shape } from '../shape/shape.ts';
import { toJson } from '../yaml/to-json.ts';
import { entryOf, type YamlMap, type YamlNode } from '../yaml/yaml-node.ts';

/** A parameter with the node that declares it. */
export interface LocatedParam {
  readonly param: ParamDef;
  readonly node: YamlNode;
}

/** Types of parameters and outputs. */
export const valueTypes = [
  'string',
  'integer',
  'number',
  'boolean',
  'array',
  'object',
  'any',
] as const satisfies readonly ValueType[];

const expected = 'NAME=default, NAME: default, or a map with name, type, default, …';

const typedFields = {
  type: { shape: word(valueTypes), about: 'Type of the value; taken from the default when absent.' },
  default: { shape: json, about: 'Value when none is given.' },
  enum: { shape: list(json, 'a list of values', 1), about: 'The values that are accepted.' },
  required: { shape: flag, about: 'True: must be given. Default: true exactly when there is no default.' },
  description: { shape: text(), about: 'For people.' },
  minimum: { shape: number(), about: 'Smallest number, inclusive.' },
  maximum: { shape: number(), about: 'Largest number, inclusive.' },
} as const;

const typed = record({
  noun: 'a parameter',
  fields: { name: { shape: text(), about: 'Name of the parameter.', required: true }, ...typedFields },
});
const typedByName = record({ noun: 'a parameter', fields: typedFields });

/** `- NAME: default`, any number of pairs. */
const pairs = mapOf(json, expected);

/** A typed declaration says `name` and something about it; `- name: world` alone is a parameter called name. */
const isTyped = (node: YamlMap): boolean => entryOf(node, 'name') !== undefined && node.entries.length > 1;

const inferType = (value: JsonValue | undefined): ValueType => {
  if (value === undefined || value === null) return 'string';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'object' ? 'object' : (typeof value as 'string' | 'boolean');
};

const plainParam = (name: string, value: JsonValue | undefined, node: YamlNode): LocatedParam => {
  const given = value === undefined || value === null ? {} : { default: value };
  return { param: { name, type: inferType(value), required: !('default' in given), ...given }, node };
};

const typedParam = (
  name: string,
  values: NonNullable<ReturnType<typeof typedByName.read>>['values'],
  node: YamlNode,
  source: SourceText,
): LocatedParam => {
  const { type, required, enum: choices, ...rest } = values;
  const param: ParamDef = {
    name,
    type: type ?? inferType(rest.default ?? choices?.[0]),
    required: required ?? rest.default === undefined,
    ...(choices === undefined ? {} : { enum: choices }),
    ...rest,
  };
  if (param.minimum !== undefined && param.maximum !== undefined && param.minimum > param.maximum) {
    source.report(node, { message: `parameter ${name}: minimum is above maximum` });
  }
  return { param, node };
};

const readLine = (node: YamlNode, source: SourceText): readonly LocatedParam[] => {
  const line = text(expected).read(node, source);
  if (line === undefined) return [];
  const at = line.indexOf('=');
  if (at > 0) return [plainParam(line.slice(0, at), line.slice(at + 1), node)];
  source.report(node, { message: `${quoted(line)} is not a parameter`, expected: 'NAME=default' });
  return [];
};

const readPairs = (node: YamlMap, source: SourceText): readonly LocatedParam[] =>
  node.entries.flatMap((entry) => {
    const { key, value } = entry;
    if (value.kind === 'map') {
      const read = typedByName.read(value, source);
      return read === undefined ? [] : [typedParam(key, read.values, value, source)];
    }
    return [plainParam(key, isNothing(value) ? undefined : toJson(value, source), value)];
  });

const readTyped = (node: YamlMap, source: SourceText): readonly LocatedParam[] => {
  const read = typed.read(node, source);
  const { name, ...values } = read?.values ?? {};
  return name === undefined ? [] : [typedParam(name, values, node, source)];
};

const itemShape: Shape<readonly LocatedParam[]> = {
  expected,
  schema: { anyOf: [{ type: 'string', pattern: '^[^=]+=' }, typed.schema, pairs.schema] },
  read: (node, source) => {
    if (node.kind !== 'map') return readLine(node, source);
    return isTyped(node) ? readTyped(node, source) : readPairs(node, source);
  },
};

/** `A=1 B="two words"`. */
const wordsShape: Shape<readonly LocatedParam[]> = mapped(text(expected), (value, node, source) => {
  const words = value.match(/[^\s="']+=(?:"[^"]*"|'[^']*'|\S*)|\S+/g) ?? [];
  return words.flatMap((word) => {
    const [, name, double, single, bare] = /^([^=]+)=(?:"([^"]*)"|'([^']*)'|(.*))$/.exec(word) ?? [];
    if (name !== undefined) return [plainParam(name, double ?? single ?? bare ?? '', node)];
    source.report(node, { message: `${quoted(word)} is not a parameter`, expected: 'NAME=default' });
    return [];
  });
});

/** Parameters, in any of the forms. */
export const paramsShape: Shape<readonly LocatedParam[]> = byKind<readonly LocatedParam[]>(
  'a list or a map of parameters',
  {
    scalar: wordsShape,
    list: mapped(list(itemShape), (items) => items.flat()),
    map: {
      expected: 'a map of parameters',
      schema: { type: 'object' },
      read: (node, source) => (node.kind === 'map' ? readPairs(node, source) : undefined),
    },
  },
);
