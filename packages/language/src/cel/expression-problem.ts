import { celEnvironment } from './cel-environment.ts';
import { callsOf, maxExpressionLength, nestingOf } from './expression-bounds.ts';
import { problemWords } from './problem-words.ts';

/** What is wrong with a text; `offset` in characters from its start where it is known. */
export interface ExpressionProblem {
  readonly message: string;
  readonly offset?: number;
}

/** Functions that take unbounded time or memory. */
const refused: ReadonlySet<string> = new Set(['matches', 'bind']);

/** The first problem of a text that is to be CEL over these variables, and to give one of `types`; undefined when there is none. */
export const findExpressionProblem = (
  text: string,
  variables: readonly string[],
  types?: readonly string[],
): ExpressionProblem | undefined => {
  if (text.length > maxExpressionLength) {
    return { message: `an expression has at most ${maxExpressionLength} characters` };
  }
  if (text.trim() === '') return { message: 'it is empty', offset: 0 };
  const environment = celEnvironment(variables);
  const checked = environment.check(text);
  if (!checked.valid) {
    const { error } = checked;
    const message = error?.summary === undefined ? 'it is no expression' : problemWords(error.summary, variables);
    return error?.range === undefined ? { message } : { message, offset: error.range.start };
  }
  const { ast } = environment.parse(text);
  const unbounded = callsOf(ast).find((name) => refused.has(name));
  if (unbounded !== undefined) {
    return { message: `${unbounded} is not available: it cannot be bounded; use contains, startsWith or endsWith` };
  }
  if (nestingOf(ast) > 2) return { message: 'loops lie at most two deep' };
  const type = checked.type ?? 'dyn';
  if (types !== undefined && type !== 'dyn' && !types.includes(type)) {
    return { message: `it gives ${type}, not ${types.join(' or ')}` };
  }
  return undefined;
};
