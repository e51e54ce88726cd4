import { hasLoneSurrogate } from '@skein/domain';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParsedNode,
  type Scalar,
} from 'yaml';
import type { SourceText, Spot } from '../problem/source-text.ts';
import { composeDocuments, isEmpty, startOf } from './compose-documents.ts';
import { keyPath, type YamlEntry, type YamlNode } from './yaml-node.ts';

/** Nodes after aliases are followed; bounds what a chain of aliases can blow up to. */
const maxNodes = 100_000;
/** Collections inside each other after aliases are followed; with the DAG around them still within a snapshot's limit. */
const maxDepth = 60;
/** Uses of anchors in one file. */
const maxAliasCount = 100;
const knownTags = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);
/** Keys that would reach into JavaScript's own objects further on. */
const refusedKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** Reads a file of one YAML document. Problems are reported to the source; undefined when nothing can be made of the text. */
export const readYaml = (source: SourceText): YamlNode | undefined => {
  const documents = composeDocuments(source);
  const [first, second] = documents ?? [];
  if (second !== undefined) {
    source.report(startOf(second), { message: 'there is a second document', expected: 'one document in this file' });
  }
  return first === undefined ? undefined : convertDocuments([first], source)?.[0];
};

/**
 * Reads a file of several YAML documents. An empty one before another is a problem; those at the end do not count.
 * Undefined when nothing can be made of the text; none when it holds nothing. The limits are those of the whole file.
 */
export const readYamlDocuments = (source: SourceText): readonly YamlNode[] | undefined => {
  const documents = composeDocuments(source);
  for (const document of documents?.filter(isEmpty) ?? []) {
    source.report(startOf(document), { message: 'the document is empty', expected: 'a DAG with steps' });
  }
  return documents === undefined ? undefined : convertDocuments(documents, source);
};

const convertDocuments = (
  documents: readonly Document.Parsed<ParsedNode>[],
  source: SourceText,
): readonly YamlNode[] | undefined => {
  if (source.problems.length > 0) return undefined;
  const converter = createConverter(source);
  const nodes = documents.map((document) => converter.convertDocument(document));
  return converter.isCut() ? undefined : nodes;
};

const spotOf = (document: Document.Parsed<ParsedNode>, path: string): Spot => ({
  start: document.contents?.range[0] ?? 0,
  end: document.contents?.range[1] ?? 0,
  path,
});

interface Converter {
  /** Anchors are those of one document; the limits are those of the file. */
  convertDocument(document: Document.Parsed<ParsedNode>): YamlNode;
  /** True after a limit was passed: the rest of the document is missing. */
  isCut(): boolean;
}

const createConverter = (source: SourceText): Converter => {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let nodes = 0;
  let aliases = 0;
  let cut = false;

  const nothing = (spot: Spot): YamlNode => ({ ...spot, kind: 'scalar', value: null, source: '' });

  const tooMany = (spot: Spot, message: string, expected: string): YamlNode => {
    if (!cut) source.report({ ...spot, path: '' }, { message, expected, code: 'too_large' });
    cut = true;
    return nothing(spot);
  };

  const follow = (name: string, path: string, spot: Spot): YamlNode => {
    aliases += 1;
    if (aliases > maxAliasCount) return tooMany(spot, 'too many aliases', `at most ${maxAliasCount} in a file`);
    const target = anchors.get(name);
    if (target === undefined || open.has(target)) {
      const message = target === undefined ? `unknown alias *${name}` : `alias *${name} contains itself`;
      source.report(spot, { message, expected: `an anchor &${name} earlier in the file` });
      return nothing(spot);
    }
    return convert(target, path, spot);
  };

  const convert = (node: Node | null, path: string, fallback: Spot): YamlNode => {
    const range = node?.range;
    const spot: Spot = range ? { start: range[0], end: range[1], path } : { ...fallback, path };
    if (cut) return nothing(spot);
    nodes += 1;
    if (nodes > maxNodes) return tooMany(spot, 'too many values', `at most ${maxNodes} in a file`);
    if (open.size > maxDepth) return tooMany(spot, 'nested too deeply', `at most ${maxDepth} levels`);
    if (node === null) return nothing(spot);
    if (isAlias(node)) return follow(node.source, path, spot);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, node);
    if (node.tag !== undefined && !knownTags.has(node.tag)) {
      source.report(spot, { message: `tag ${node.tag} is not allowed`, expected: 'a plain value' });
    }
    open.add(node);
    const converted = convertBody(node, path, spot);
    open.delete(node);
    return converted;
  };

  const convertBody = (node: Node, path: string, spot: Spot): YamlNode => {
    if (isSeq(node)) {
      const items = node.items.map((item, index) => convert(item as Node | null, `${path}[${index}]`, spot));
      return { ...spot, kind: 'list', items };
    }
    if (isMap(node))
      return { ...spot, kind: 'map', entries: convertPairs(node.items as Pair<Node, Node | null>[], path, spot) };
    return isScalar(node) ? convertScalar(node, spot) : nothing(spot);
  };

  const convertScalar = (node: Scalar, spot: Spot): YamlNode => {
    const { value } = node;
    if (value === null) return nothing(spot);
    if (typeof value === 'string') {
      if (hasLoneSurrogate(value) || value.includes('\0')) {
        source.report(spot, {
          message: 'the text holds a character that cannot be stored',
          expected: 'no NUL and no half of a surrogate pair',
        });
      }
      return { ...spot, kind: 'scalar', value, source: value };
    }
    if (typeof value === 'number' || typeof value === 'boolean') {
      return { ...spot, kind: 'scalar', value, source: node.source ?? String(value) };
    }
    return { ...spot, kind: 'scalar', value: node.source ?? '', source: node.source ?? '' };
  };

  const convertPairs = (pairs: readonly Pair<Node, Node | null>[], path: string, spot: Spot): readonly YamlEntry[] => {
    const entries = new Map<string, YamlEntry>();
    const merged: YamlEntry[] = [];
    for (const pair of pairs) {
      const key = convert(pair.key, path, spot);
      if (cut) break;
      const at: Spot = { start: key.start, end: key.end, path };
      if (key.kind !== 'scalar' || key.value === null) {
        source.report(at, {
          message: `a key may not be ${key.kind === 'scalar' ? 'empty' : `a ${key.kind}`}`,
          expected: 'text',
        });
        continue;
      }
      const name = key.source;
      const value = convert(pair.value, name === '<<' ? path : keyPath(path, name), at);
      if (name === '<<' && isAlias(pair.value)) merged.push(...mergedEntries(value, at));
      else if (name === '<<' && isSeq(pair.value) && value.kind === 'list') {
        merged.push(...value.items.flatMap((item) => mergedEntries(item, at)));
      } else if (refusedKeys.has(name)) source.report(at, { message: `${name} is not allowed as a key` });
      else if (entries.has(name)) source.report(at, { message: `${name} is given twice`, expected: 'each key once' });
      else entries.set(name, { key: name, keySpot: { ...at, path: keyPath(path, name) }, value });
    }
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return [...entries.values()];
  };

  const mergedEntries = (value: YamlNode, at: Spot): readonly YamlEntry[] => {
    if (value.kind === 'map') return value.entries;
    source.report(at, { message: 'the merge key << needs a map', expected: 'an alias of a map, or a list of them' });
    return [];
  };

  return {
    convertDocument: (document) => {
      anchors.clear();
      return convert(document.contents, '', spotOf(document, ''));
    },
    isCut: () => cut,
  };
};
