import type { EnvEntry } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { quoted, text } from '../shape/scalars.ts';
import { byKind, isNothing, type Shape, wrongValue } from '../shape/shape.ts';
import type { YamlEntry, YamlNode } from '../yaml/yaml-node.ts';

/** One variable with the node that its value came from. */
export interface LocatedEnv {
  readonly entry: EnvEntry;
  readonly node: YamlNode;
}

const expected = 'a map, or a list of NAME=value or NAME: value';
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const envName = 'a letter or _, then letters, digits or _';

/** True if the text may name an environment variable. */
export const isEnvName = (word: string): boolean => namePattern.test(word);

/** The name of an environment variable. */
export const envNameShape: Shape<string> = {
  expected: envName,
  schema: { type: 'string', pattern: namePattern.source },
  read: (node, source) => {
    const value = text(envName).read(node, source);
    if (value === undefined || isEnvName(value)) return value;
    source.report(node, { message: `${quoted(value)} is not an environment variable name`, expected: envName });
    return undefined;
  },
};

const readPair = (pair: YamlEntry, source: SourceText): readonly LocatedEnv[] => {
  if (!isEnvName(pair.key)) {
    source.report(pair.keySpot, {
      message: `${quoted(pair.key)} is not an environment variable name`,
      expected: envName,
    });
    return [];
  }
  const value = isNothing(pair.value) ? '' : text().read(pair.value, source);
  return value === undefined ? [] : [{ entry: { name: pair.key, value }, node: pair.value }];
};

const readLine = (node: YamlNode, source: SourceText): readonly LocatedEnv[] => {
  const line = text(expected).read(node, source);
  if (line === undefined) return [];
  const at = line.indexOf('=');
  const name = line.slice(0, Math.max(at, 0));
  if (!isEnvName(name)) return wrongValue(node, source, 'NAME=value') ?? [];
  return [{ entry: { name, value: line.slice(at + 1) }, node }];
};

const mapShape: Shape<readonly LocatedEnv[]> = {
  expected,
  schema: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean', 'null'] } },
  read: (node, source) => (node.kind === 'map' ? node.entries.flatMap((pair) => readPair(pair, source)) : undefined),
};

/** Environment variables: `{A: 1}`, `[{A: 1}]` or `[A=1]`; order is kept. */
export const envShape: Shape<readonly LocatedEnv[]> = byKind(expected, {
  map: mapShape,
  list: {
    expected,
    schema: { type: 'array', items: { anyOf: [{ type: 'string' }, mapShape.schema] } },
    read: (node, source) => {
      if (node.kind !== 'list') return undefined;
      return node.items.flatMap((item) => {
        if (item.kind === 'map') return mapShape.read(item, source) ?? [];
        return item.kind === 'list' ? (wrongValue(item, source, expected) ?? []) : readLine(item, source);
      });
    },
  },
});
