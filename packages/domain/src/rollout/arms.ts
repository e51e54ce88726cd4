import type { Problem } from '../errors/domain-error.ts';
import { isName } from '../identity/ids.ts';
import type { NewRollout, StepRequest } from './new-rollout.ts';
import { shapeProblem } from './rollout-problems.ts';
import { type RolloutArm, totalParts } from './rollout-record.ts';
import { maxArms } from './segments.ts';
import { parseWeight, partsOf, weightProblem } from './weights.ts';

/** Arms of a request, the stable one first; `problems` gets everything that is wrong with them. */
export const completeArms = (
  input: NewRollout,
  steps: readonly StepRequest[],
  problems: Problem[],
): readonly RolloutArm[] => (input.type === 'canary' ? canaryArms(input, steps, problems) : testArms(input, problems));

const canaryArms = (input: NewRollout, steps: readonly StepRequest[], problems: Problem[]): readonly RolloutArm[] => {
  const { candidateVersionId, stableVersionId } = input;
  if (input.arms !== undefined)
    problems.push(shapeProblem('arms', 'arms are for an ab_test; a canary has a candidateVersionId'));
  if (candidateVersionId === undefined || candidateVersionId === '') {
    problems.push(shapeProblem('candidateVersionId', 'a canary needs a candidate'));
  } else if (candidateVersionId === stableVersionId) {
    problems.push(shapeProblem('candidateVersionId', 'the candidate is the stable version'));
  }
  const parts = firstParts(input, steps, problems);
  return [
    { versionId: stableVersionId, label: 'stable', parts: totalParts - parts },
    { versionId: candidateVersionId ?? '', label: 'candidate', parts },
  ];
};

/** The candidate's parts at the start. Without a plan it takes a weight; with one its first step says. */
const firstParts = (input: NewRollout, steps: readonly StepRequest[], problems: Problem[]): number => {
  const wrong = input.weight === undefined ? undefined : weightProblem(input.weight);
  if (wrong !== undefined) problems.push(shapeProblem('weight', wrong));
  const own = input.weight === undefined || wrong !== undefined ? undefined : parseWeight(input.weight);
  const [first] = steps;
  if (first === undefined) {
    if (input.weight === undefined) problems.push(shapeProblem('weight', 'a canary without steps needs a weight'));
    return own ?? 0;
  }
  if (weightProblem(first.weight) !== undefined) return 0;
  const planned = parseWeight(first.weight);
  if (own !== undefined && own !== planned) {
    problems.push(shapeProblem('weight', 'the weight is not that of the first step; leave one of them out'));
  }
  return planned;
};

const testArms = (input: NewRollout, problems: Problem[]): readonly RolloutArm[] => {
  const { arms = [], stableVersionId } = input;
  for (const name of ['candidateVersionId', 'weight'] as const) {
    if (input[name] !== undefined) problems.push(shapeProblem(name, 'is for a canary; an ab_test has arms'));
  }
  if (input.steps !== undefined && input.steps.length > 0)
    problems.push(shapeProblem('steps', 'an ab_test has no plan'));
  if (arms.length < 2 || arms.length > maxArms)
    problems.push(shapeProblem('arms', `an ab_test has 2 to ${maxArms} arms`));
  armProblems(arms, problems);
  if (arms.length > 0 && !arms.some((arm) => arm.versionId === stableVersionId)) {
    problems.push(shapeProblem('arms', 'one arm must be the active version: it is what the others are compared with'));
  }
  // Stable among its own first, whatever the order in which they were given.
  const ordered = arms.toSorted(
    (a, b) => Number(b.versionId === stableVersionId) - Number(a.versionId === stableVersionId),
  );
  const labels = ordered.map((arm, index) => arm.label ?? (index === 0 ? 'stable' : `arm-${index}`));
  labels.forEach((label, index) => {
    if (labels.indexOf(label) !== index) problems.push(shapeProblem('arms', `two arms have the label "${label}"`));
  });
  const parts = partsOfArms(ordered, problems);
  return ordered.map(({ versionId }, index) => ({ versionId, label: labels[index] ?? '', parts: parts[index] ?? 0 }));
};

type ArmRequest = NonNullable<NewRollout['arms']>[number];

const armProblems = (arms: readonly ArmRequest[], problems: Problem[]): void => {
  arms.forEach((arm, index) => {
    const at = `arms[${index}]`;
    if (arm.versionId === '') problems.push(shapeProblem(`${at}.versionId`, 'a version is missing'));
    if (arms.findIndex((other) => other.versionId === arm.versionId) !== index) {
      problems.push(shapeProblem(`${at}.versionId`, 'another arm has the same version'));
    }
    if (arm.label !== undefined && !isName(arm.label)) {
      problems.push(
        shapeProblem(`${at}.label`, 'a label is a letter or digit, then up to 63 letters, digits, "_", "." or "-"'),
      );
    }
    const wrong = weightProblem(arm.weight);
    if (wrong !== undefined) problems.push(shapeProblem(`${at}.weight`, wrong));
  });
};

const partsOfArms = (arms: readonly ArmRequest[], problems: Problem[]): readonly number[] => {
  if (arms.length === 0 || arms.some((arm) => weightProblem(arm.weight) !== undefined)) return [];
  const sum = arms.reduce((total, arm) => total + Number(arm.weight), 0);
  if (!(Math.abs(1 - sum) <= 1e-9)) {
    problems.push(shapeProblem('arms', `weights must sum to 1, these sum to ${sum}`));
    return [];
  }
  return partsOf(arms.map((arm) => arm.weight));
};
