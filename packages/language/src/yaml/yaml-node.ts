import type { Spot } from '../problem/source-text.ts';

/** A scalar. `source` is what the author wrote for a plain one, so that `1.10` can be read as text. */
export interface YamlScalar extends Spot {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly source: string;
}

/** A sequence. */
export interface YamlList extends Spot {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
}

/** One key with its value; keys are text and unique within their map. */
export interface YamlEntry {
  readonly key: string;
  readonly keySpot: Spot;
  readonly value: YamlNode;
}

/** A mapping, with aliases followed and merge keys merged. */
export interface YamlMap extends Spot {
  readonly kind: 'map';
  readonly entries: readonly YamlEntry[];
}

/** A YAML document reduced to what the language knows; every node keeps its place in the text. */
export type YamlNode = YamlScalar | YamlList | YamlMap;

/** The value under a key, or undefined. */
export const entryOf = (node: YamlNode, key: string): YamlNode | undefined =>
  node.kind === 'map' ? node.entries.find((entry) => entry.key === key)?.value : undefined;

/** The path of a key below a path: `a.b`. */
export const keyPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** What the author gave, in words. */
export const describeNode = (node: YamlNode): string => {
  if (node.kind !== 'scalar') return node.kind === 'list' ? 'a list' : 'a map';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'string') return node.value.length > 40 ? 'text' : `text ${JSON.stringify(node.value)}`;
  return typeof node.value === 'number' ? `number ${node.source}` : String(node.value);
};
