import type { JsonSchema } from '@skein/domain';
import type { SourceText, Spot } from '../problem/source-text.ts';
import { describeNode, type YamlNode } from '../yaml/yaml-node.ts';

/**
 * What a value in a file must look like: one definition for the check and for the editor's JSON Schema.
 * `read` reports at least one problem when it returns undefined, and may report some when it does not.
 */
export interface Shape<T> {
  /** In words, for `expected …`. */
  readonly expected: string;
  readonly schema: JsonSchema;
  read(node: YamlNode, source: SourceText): T | undefined;
}

/** The value that a shape reads. */
export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** Reports a value of the wrong kind; returns undefined for the convenience of the caller. */
export const wrongValue = (node: YamlNode, source: SourceText, expected: string): undefined => {
  // A value that could not be read as YAML was reported already.
  if (source.hasProblemAt(node)) return undefined;
  const where = node.path === '' ? 'the document' : lastName(node.path);
  source.report(node, { message: `${where} may not be ${describeNode(node)}`, expected });
  return undefined;
};

/** The last part of a path: `limit` of `steps[2].retry_policy.limit`. */
export const lastName = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

/** A shape whose value is converted further; `convert` may report and return undefined. */
export const mapped = <T, U>(
  shape: Shape<T>,
  convert: (value: T, node: YamlNode, source: SourceText) => U | undefined,
): Shape<U> => ({
  expected: shape.expected,
  schema: shape.schema,
  read: (node, source) => {
    const value = shape.read(node, source);
    return value === undefined ? undefined : convert(value, node, source);
  },
});

/** Different shapes for scalars, lists and maps; a kind that is not given is a problem. */
export const byKind = <T>(
  expected: string,
  shapes: { readonly scalar?: Shape<T>; readonly list?: Shape<T>; readonly map?: Shape<T> },
): Shape<T> => ({
  expected,
  schema: { anyOf: Object.values(shapes).map((shape) => shape.schema) },
  read: (node, source) => {
    const shape = shapes[node.kind];
    if (shape === undefined || isNothing(node)) return wrongValue(node, source, expected);
    return shape.read(node, source);
  },
});

/** A value that a feature to come will read. */
export const notSupportedYet = (spot: Spot, what: string, source: SourceText): void =>
  source.report(spot, { message: `${what} is not supported yet`, code: 'unimplemented' });

/** True for a key without a value. */
export const isNothing = (node: YamlNode): boolean => node.kind === 'scalar' && node.value === null;
