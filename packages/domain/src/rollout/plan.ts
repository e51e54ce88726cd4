import type { Problem } from '../errors/domain-error.ts';
import type { StepRequest } from './new-rollout.ts';
import { senseProblem, shapeProblem } from './rollout-problems.ts';
import type { RolloutStep } from './rollout-record.ts';
import { parseWeight, weightProblem } from './weights.ts';

/** The plan of a canary that names neither steps nor a weight (g.7). */
export const defaultStepWeights = [0.001, 0.01, 0.05, 0.25, 0.5, 1] as const;

const maxSteps = 64;

const defaults = { minUnits: 20, minDurationMs: 600_000, gate: 'auto', maxHarm: 0.25 } as const;

/** Steps with their defaults; their weights must be right. */
export const completeSteps = (requests: readonly StepRequest[]): readonly RolloutStep[] =>
  requests.map((step) => ({
    parts: parseWeight(step.weight),
    minUnits: step.minUnits ?? defaults.minUnits,
    minDurationMs: step.minDurationMs ?? defaults.minDurationMs,
    gate: step.gate ?? defaults.gate,
    maxHarm: step.maxHarm ?? defaults.maxHarm,
  }));

/** Everything that is wrong with a plan; fields are `steps[N].NAME`. */
export const planProblems = (requests: readonly StepRequest[], horizonMs: number): readonly Problem[] => {
  const problems: Problem[] = [];
  if (requests.length > maxSteps) problems.push(shapeProblem('steps', `at most ${maxSteps} steps`));
  let before = 0;
  requests.forEach((step, index) => {
    const at = `steps[${index}]`;
    const wrong = weightProblem(step.weight);
    if (wrong !== undefined) problems.push(shapeProblem(`${at}.weight`, wrong));
    else {
      const parts = parseWeight(step.weight);
      if (parts === 0) problems.push(shapeProblem(`${at}.weight`, 'a step exposes somebody: its weight is above 0'));
      else if (parts < before)
        problems.push(shapeProblem(`${at}.weight`, 'a step never exposes fewer than the one before'));
      before = Math.max(before, parts);
    }
    problems.push(...stepProblems(step, at));
  });
  const least = requests.reduce((sum, step) => sum + (step.minDurationMs ?? defaults.minDurationMs), 0);
  if (least > horizonMs) {
    problems.push(
      senseProblem('steps', `the plan can never end: it takes ${least} ms at least, the horizon is ${horizonMs} ms`),
    );
  }
  return problems;
};

const stepProblems = (step: StepRequest, at: string): Problem[] => {
  const problems: Problem[] = [];
  for (const name of ['minUnits', 'minDurationMs'] as const) {
    const value = step[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      problems.push(shapeProblem(`${at}.${name}`, 'must be an integer, not below 0'));
    }
  }
  if (step.maxHarm !== undefined && !(step.maxHarm > 0 && step.maxHarm <= 1)) {
    problems.push(shapeProblem(`${at}.maxHarm`, 'must be above 0 and at most 1'));
  }
  if (step.gate !== undefined && step.gate !== 'auto' && step.gate !== 'approval') {
    problems.push(shapeProblem(`${at}.gate`, 'a gate is auto or approval'));
  }
  return problems;
};
