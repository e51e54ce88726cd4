import { DomainError } from '@skein/domain';
import type { Expression, Expressions } from '@skein/ports';
import { celEnvironment } from './cel-environment.ts';
import { countNodes, longestText, nestingOf, stepsOf, workOf } from './expression-bounds.ts';
import { findExpressionProblem } from './expression-problem.ts';
import { placeWords } from './problem-words.ts';

/** Nodes of the values that an expression may look at, at most so many when it loops within a loop, and steps that it may take: so that it ends soon. */
const maxNodes = 200_000;
const maxNodesNested = 2_000;
const maxSteps = 8_000_000;

/** Compiled texts that are kept. */
const maxCompiled = 1_000;

const invalid = (message: string, text: string): DomainError =>
  new DomainError('invalid_argument', message, { expression: text.slice(0, 200) });

/** Types of CEL that a text may have for what it is to give; what depends on its values is seen when it is evaluated. */
const typesOf = { condition: ['bool'], score: ['bool', 'double', 'int', 'uint'] } as const;

const compile = (text: string, variables: readonly string[], gives?: keyof typeof typesOf): Expression => {
  const problem = findExpressionProblem(text, variables, gives === undefined ? undefined : typesOf[gives]);
  if (problem !== undefined) {
    const { message, offset } = problem;
    throw invalid(offset === undefined ? message : `${message} ${placeWords(text, offset)}`, text);
  }
  const program = celEnvironment(variables).parse(text);
  const limit = nestingOf(program.ast) > 1 ? maxNodesNested : maxNodes;
  const work = workOf(program.ast);
  return {
    evaluate: (values) => {
      const nodes = countNodes(values, limit);
      if (nodes > limit) throw invalid(`the values have more than ${limit} nodes`, text);
      if (stepsOf(work, nodes, longestText(values)) > maxSteps)
        throw invalid(`over values of ${nodes} nodes it may take more than ${maxSteps} steps`, text);
      let result: unknown;
      try {
        result = program({ ...values });
      } catch (thrown) {
        const cause = thrown as { readonly summary?: string; readonly message?: string };
        throw invalid(`the expression has no value: ${cause.summary ?? cause.message ?? 'unknown error'}`, text);
      }
      return typeof result === 'bigint' ? Number(result) : result;
    },
  };
};

/**
 * CEL: no side effects, bounded in length, depth, loops within loops and the size of what it looks at. `matches` and `cel.bind` are left out,
 * because neither can be bounded. Numbers of JSON are doubles; whole literals mix with them (`outputs.n + 1`).
 */
export const createExpressions = (): Expressions => {
  const compiled = new Map<string, Expression>();
  return {
    compile: (text, variables, gives) => {
      const key = `${gives ?? ''} ${variables.join(',')}\n${text}`;
      const known = compiled.get(key);
      if (known !== undefined) return known;
      const made = compile(text, variables, gives);
      if (compiled.size >= maxCompiled) compiled.clear();
      compiled.set(key, made);
      return made;
    },
  };
};
