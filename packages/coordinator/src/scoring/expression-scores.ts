import type { DeclaredScorer, MeasuredStep, Scorer, TenantId, TreeFold, TreeMeasure } from '@skein/domain';
import { isDomainError, meanScore, scoreValue } from '@skein/domain';
import type { Expression } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import { pauseOf } from '../engine/pause-of.ts';
import { keepScore } from './keep-score.ts';
import { outputsOf, paramsOf } from './step-values.ts';

/** Variables of a scorer's expression. */
export const scorerVariables = ['outputs', 'status', 'durationMs', 'usage', 'params'] as const;

/** Steps of one agent that an expression looks at: the first ones of a tree that has more. */
const maxScoredSteps = 1_000;

/** A tree with more scored steps keeps their mean only. */
const maxKeptScores = 64;

type ExpressionScorer = Extract<Scorer | DeclaredScorer, { readonly kind: 'expression' }>;

/** Steps that have something to judge: the agent ended them by itself. */
export const judgedSteps = ({ steps }: TreeMeasure): readonly MeasuredStep[] =>
  steps.filter(({ status, seq }) => status !== 'cancelled' && seq > 0);

const evaluate = async (
  engine: Engine,
  tenant: TenantId,
  tree: TreeFold,
  step: MeasuredStep,
  expression: Expression,
): Promise<number | undefined> => {
  try {
    const outputs = await outputsOf(engine, tenant, step);
    const params = await paramsOf(
      engine,
      tenant,
      tree.runs.find(({ runId }) => runId === step.runId),
    );
    const { status, durationMs, usage = {} } = step;
    return scoreValue(expression.evaluate({ outputs, status, durationMs, usage, params }));
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    if (!isDomainError(thrown))
      engine.deps.log.warn('a scorer failed', { runId: step.runId, step: step.step, error: thrown });
    return undefined;
  }
};

/**
 * Scores the agent's steps by an expression and keeps each score, in a large tree only their mean. Answers the mean; undefined: missing. A step over
 * which the expression has no value is left out and counted. Throws `unavailable`.
 */
export const scoreByExpression = async (
  engine: Engine,
  tenant: TenantId,
  tree: TreeFold,
  measure: TreeMeasure,
  scorer: ExpressionScorer,
): Promise<number | undefined> => {
  const { meter, clock } = engine.deps;
  const steps = judgedSteps(measure);
  let expression: Expression;
  try {
    expression = engine.deps.expressions.compile(scorer.expression, scorerVariables);
  } catch (thrown) {
    meter.count(metric.scoresMissing, 1, { scorer: 'expression' });
    engine.deps.log.warn('a scorer cannot be compiled', { scorer: scorer.id, agentId: measure.agentId, error: thrown });
    return undefined;
  }
  const pause = pauseOf(clock);
  const values: number[] = [];
  for (const [index, step] of steps.slice(0, maxScoredSteps).entries()) {
    if (index % 20 === 19) await pause();
    const value = await evaluate(engine, tenant, tree, step, expression);
    if (value === undefined) {
      meter.count(metric.scoresMissing, 1, { scorer: 'expression' });
      continue;
    }
    values.push(value);
    if (steps.length <= maxKeptScores) await keepScore(engine, tenant, tree, measure.agentId, scorer.id, step, value);
  }
  const mean = meanScore(values);
  if (mean !== undefined && steps.length > maxKeptScores)
    await keepScore(engine, tenant, tree, measure.agentId, scorer.id, undefined, mean);
  return mean;
};
