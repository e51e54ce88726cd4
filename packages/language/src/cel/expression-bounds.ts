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

/** What an expression does in loops of one depth, once per entry: all its nodes, and those of them that may read a whole text. */
export interface Work {
  nodes: number;
  texts: number;
}

/** The work of an expression by depth of loops: outside of them, in them, in loops within them. */
export const workOf = (node: ASTNode, depth = 0, work: Work[] = []): readonly Work[] => {
  const isLoop = node.op === 'rcall' && loops.has(node.args[0]);
  const own = (work[depth] ??= { nodes: 0, texts: 0 });
  own.nodes += 1;
  if (!isLoop && (node.op === 'rcall' || node.op === 'call' || node.op === '+')) own.texts += 1;
  for (const child of childrenOf(node.args)) workOf(child, isLoop ? depth + 1 : depth, work);
  return work;
};

/** Characters of text that cost what one step costs. */
const charactersPerStep = 16;

/** Most steps that the work takes over values of so many nodes, of which the longest text has so many characters. */
export const stepsOf = (work: readonly Work[], nodes: number, longest: number): number =>
  work.reduce(
    (steps, own, depth) => steps + nodes ** depth * (own.nodes + (own.texts * longest) / charactersPerStep),
    0,
  );

/** Characters of the longest text within a value. */
export const longestText = (value: unknown): number => {
  let longest = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string') longest = Math.max(longest, next.length);
    else if (typeof next === 'object' && next !== null) for (const entry of Object.values(next)) open.push(entry);
  }
  return longest;
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
