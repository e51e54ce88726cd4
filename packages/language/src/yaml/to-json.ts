import type { JsonValue } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { YamlNode } from './yaml-node.ts';

/** A node as plain JSON; numbers that JSON cannot carry exactly are problems. */
export const toJson = (node: YamlNode, source: SourceText): JsonValue => {
  switch (node.kind) {
    case 'list':
      return node.items.map((item) => toJson(item, source));
    case 'map':
      return Object.fromEntries(node.entries.map((entry) => [entry.key, toJson(entry.value, source)]));
    case 'scalar':
      if (typeof node.value === 'number' && !isExact(node.value)) {
        source.report(node, { message: `number ${node.source} cannot be kept exactly`, expected: 'quotes around it' });
        return node.source;
      }
      return node.value;
  }
};

const isExact = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Math.abs(value) <= Number.MAX_SAFE_INTEGER);
