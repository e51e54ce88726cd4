import type { Spot } from '../problem/source-text.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

/** A path into a value: `['steps', 2, 'depends', 0]`. */
export type ValuePath = readonly (string | number)[];

/** Where the parts of a DAG value came from in its file. */
export interface Places {
  /** Remembers the node of a part; a later call for the same part wins. Does nothing without a node. */
  put(path: ValuePath, node: YamlNode | undefined): void;
  /** The nearest known node at or above the path, as deep into it as the path goes. */
  find(path: ValuePath): YamlNode | undefined;
}

/** An empty set of places. */
export const createPlaces = (): Places => {
  const nodes = new Map<string, YamlNode>();
  return {
    put: (path, node) => {
      if (node !== undefined) nodes.set(keyOf(path), node);
    },
    find: (path) => {
      for (let length = path.length; length >= 0; length -= 1) {
        const node = nodes.get(keyOf(path.slice(0, length)));
        if (node !== undefined) return descend(node, path.slice(length));
      }
      return undefined;
    },
  };
};

const keyOf = (path: ValuePath): string => JSON.stringify(path);

/** Follows a path inside a node; names are camel case in values and snake case in files. What does not fit is skipped. */
const descend = (node: YamlNode, path: ValuePath): YamlNode => {
  let at = node;
  for (const part of path) {
    if (typeof part === 'number') at = at.kind === 'list' ? (at.items[part] ?? at) : at;
    else if (at.kind === 'map') at = at.entries.find(({ key }) => key === part || key === snakeCase(part))?.value ?? at;
  }
  return at;
};

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The place of a reference, with or without `@file`, inside a node, when it stands there as written; else the node itself. */
export const spotOfWord = (node: YamlNode, word: string | undefined, text: string): Spot => {
  if (word === undefined) return node;
  const written = text.slice(node.start, node.end);
  const at = Math.max(written.indexOf(word), written.indexOf(word.replace(/\}$/, '@file}')));
  return at === -1 ? node : { start: node.start + at, end: node.start + at + word.length, path: node.path };
};
