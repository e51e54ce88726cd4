import type { DeclaredScorer } from '@skein/domain';
import { isName } from '@skein/domain';
import { findExpressionProblem } from '../cel/expression-problem.ts';
import { placeWords } from '../cel/problem-words.ts';
import type { SourceText, Spot } from '../problem/source-text.ts';
import { list } from '../shape/collections.ts';
import { type RecordValue, record } from '../shape/record.ts';
import { number, quoted, text, word } from '../shape/scalars.ts';
import { mapped, type Shape } from '../shape/shape.ts';

/** A scorer, and where its file names the agent that judges. */
export interface ScorerUse {
  readonly scorer: DeclaredScorer;
  readonly judge?: { readonly name: string; readonly spot: Spot };
}

/** Variables of a scorer's expression. */
export const scorerVariables: readonly string[] = ['outputs', 'status', 'durationMs', 'usage', 'params'];

const maxScorers = 16;
const maxRubric = 16_384;

const fields = {
  id: { shape: text('the id of the scorer'), about: 'Names the metric score:ID.', required: true },
  type: { shape: word(['expression', 'agent', 'posted']), about: 'What gives the score.', required: true },
  expression: {
    shape: text('a CEL expression'),
    about:
      'Of type expression: CEL over outputs, status, durationMs, usage and params; a number from 0 to 1, or true or false.',
  },
  agent: { shape: text('the id of an agent'), about: 'Of type agent: who judges.' },
  rubric: { shape: text('a text'), about: 'Of type agent: what is good and what is not.' },
  sample: { shape: number({ above: 0, max: 1 }), about: 'Share of the units that are scored; default 1.' },
} as const;

type ScorerFields = RecordValue<typeof fields>;

const scorerRecord = record({ noun: 'a scorer', fields });

/** Fields that mean something for each type. */
const fieldsOf = { expression: ['expression'], agent: ['agent', 'rubric'], posted: [] } as const;

const checkFields = ({ values, nodes, keys, node, suspected }: ScorerFields, source: SourceText): boolean => {
  const { type } = values;
  if (type === undefined) return false;
  const own: readonly string[] = fieldsOf[type];
  for (const name of ['expression', 'agent', 'rubric'] as const) {
    const isOwn = own.includes(name);
    if (isOwn && nodes[name] === undefined && !suspected.has(name))
      source.report(node, { message: `a scorer of type ${type} needs ${name}` });
    if (!isOwn && nodes[name] !== undefined)
      source.report(keys[name] ?? node, { message: `${name} has no meaning for a scorer of type ${type}` });
  }
  return own.every((name) => values[name as keyof typeof values] !== undefined);
};

const checkExpression = (expression: string, spot: Spot, source: SourceText): boolean => {
  const problem = findExpressionProblem(expression, scorerVariables, ['bool', 'double', 'int', 'uint']);
  if (problem === undefined) return true;
  const where = problem.offset === undefined ? '' : ` ${placeWords(expression, problem.offset)}`;
  source.report(spot, {
    message: `the expression cannot be used: ${problem.message}${where}`,
    expected: `CEL over ${scorerVariables.join(', ')} that gives a number or true or false`,
  });
  return false;
};

const toUse = (read: ScorerFields, _node: unknown, source: SourceText): ScorerUse | undefined => {
  const { values, nodes, node } = read;
  const { id, type, expression, agent, rubric, sample = 1 } = values;
  if (id !== undefined && !isName(id)) {
    const message = `${quoted(id)} is not the id of a scorer`;
    source.report(nodes.id ?? node, { message, expected: 'a letter or digit, then at most 63 of A-Z a-z 0-9 _ . -' });
    return undefined;
  }
  if (!checkFields(read, source) || id === undefined) return undefined;
  switch (type) {
    case 'expression':
      if (expression === undefined || !checkExpression(expression, nodes.expression ?? node, source)) return undefined;
      return { scorer: { id, kind: type, expression, sample } };
    case 'agent':
      if (agent === undefined || rubric === undefined) return undefined;
      if (rubric.length > maxRubric)
        source.report(nodes.rubric ?? node, {
          message: 'the rubric is too long',
          expected: `at most ${maxRubric} characters`,
        });
      return {
        scorer: { id, kind: type, agentId: agent, rubric, sample },
        judge: { name: agent, spot: nodes.agent ?? node },
      };
    case 'posted':
      return { scorer: { id, kind: type, sample } };
    default:
      return undefined;
  }
};

/** The scorers of an agent: rulers for rollouts, and for whoever reads the scores of runs. */
export const scorersShape: Shape<readonly ScorerUse[]> = mapped(
  list(mapped(scorerRecord, toUse), 'a list of scorers'),
  (uses, node, source) => {
    const seen = new Set<string>();
    for (const { scorer } of uses) {
      if (seen.has(scorer.id))
        source.report(node, { message: `scorer ${scorer.id} is given twice`, expected: 'each id once' });
      seen.add(scorer.id);
    }
    if (uses.length > maxScorers)
      source.report(node, { message: 'there are too many scorers', expected: `at most ${maxScorers}` });
    return uses;
  },
);
