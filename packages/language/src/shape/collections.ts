import { byKind, mapped, type Shape, wrongValue } from './shape.ts';

/** A list whose items all have one shape; unreadable items are left out after they were reported. */
export const list = <T>(item: Shape<T>, expected = 'a list', minItems = 0): Shape<readonly T[]> => ({
  expected,
  schema: { type: 'array', items: item.schema, ...(minItems === 0 ? {} : { minItems }) },
  read: (node, source) => {
    if (node.kind !== 'list') return wrongValue(node, source, expected);
    if (node.items.length < minItems) {
      source.report(node, { message: 'the list is empty', expected });
      return undefined;
    }
    return node.items.flatMap((child) => {
      const value = item.read(child, source);
      return value === undefined ? [] : [value];
    });
  },
});

/** One item, or a list of them. */
export const oneOrMore = <T>(item: Shape<T>, expected: string): Shape<readonly T[]> =>
  byKind(expected, { scalar: mapped(item, (value) => [value]), list: list(item, expected) });

/** A map from free keys to values of one shape, in the author's order. */
export const mapOf = <T>(value: Shape<T>, expected = 'a map'): Shape<readonly (readonly [string, T])[]> => ({
  expected,
  schema: { type: 'object', additionalProperties: value.schema },
  read: (node, source) => {
    if (node.kind !== 'map') return wrongValue(node, source, expected);
    return node.entries.flatMap((entry) => {
      const read = value.read(entry.value, source);
      return read === undefined ? [] : [[entry.key, read] as const];
    });
  },
});
