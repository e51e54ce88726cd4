import type { ASTNode } from '@marcbachmann/cel-js';

/** Longest text of an expression, in characters. */
export const maxExpressionLength = 4_096;

/** Macros that loop over a list or map. */
const loops: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

const childrenOf = (value: unknown): readonly ASTNode[] => {
  if (isNode(value)) return [value];
  return Array.isArray(value) ? value.flatMap((entry: unknown) => childrenOf(entry)) : [];
};

/** How deep loops lie in loops; 0: there are none. */
export const nestingOf = (node: ASTNode): number => {
  const inner = Math.max(0, ...childrenOf(node.args).map(nestingOf));
  return node.op === 'rcall' && loops.has(node.args[0]) ? inner + 1 : inner;
};

/** Names of functions and methods that are called. */
export const callsOf = (node: ASTNode): readonly string[] => {
  const inner = childrenOf(node.args).flatMap(callsOf);
  return node.op === 'rcall' || node.op === 'call' ? [node.args[0], ...inner] : inner;
};

/** Scalars, lists and objects within a value; stops counting beyond `limit`. */
export const countNodes = (value: unknown, limit: number): number => {
  let count = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && count <= limit) {
    const next = open.pop();
    count += 1;
    if (typeof next !== 'object' || next === null) continue;
    const entries: readonly unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (entries.length > limit) return limit + 1;
    for (const entry of entries) open.push(entry);
  }
  return count;
};
