import type { PatchRollout, RuleInput, StartRollout, Weight } from '@skein/coordinator';
import { DomainError, type Metric, type Problem } from '@skein/domain';
import type { PatchRolloutBody, RuleBody, StartRolloutBody } from '../schemas/rollout-bodies.ts';

/**
 * The one place where compatible forms become ours: `candidateWeight` and `allocations` (whole percents), `routingKey`, and rules of the form
 * { scorerId, threshold, windowSize, action }. Throws `invalid_argument` that names every field that says something twice, or nothing usable.
 */
export const toStartRollout = (body: StartRolloutBody): StartRollout => {
  const problems: Problem[] = [];
  const { candidateWeight, allocations, routingKey, rules, ...rest } = body;
  onlyOne(body, ['weight', 'candidateWeight'], problems);
  onlyOne(body, ['arms', 'allocations'], problems);
  onlyOne(body, ['routingKeys', 'routingKey'], problems);
  const type = body.type ?? (body.arms === undefined && allocations === undefined ? 'canary' : 'ab_test');
  const given = type === 'canary' ? (['arms', 'allocations'] as const) : canaryFields;
  for (const field of given) {
    if (body[field] === undefined) continue;
    problems.push({
      field,
      message: type === 'canary' ? 'is of an experiment, not of a canary' : 'is of a canary, not of an experiment',
    });
  }
  if (type === 'canary' && body.candidateVersionId === undefined) {
    problems.push({ field: 'candidateVersionId', message: 'is missing: which version is the candidate?' });
  }
  if (allocations !== undefined) checkAllocations(allocations, problems);
  const converted = rules === undefined ? {} : { rules: toRules(rules, problems) };
  refuse(problems);
  return {
    ...(rest as Omit<StartRollout, 'type' | 'rules'>),
    type,
    ...(candidateWeight === undefined ? {} : { weight: ofPercent(candidateWeight) }),
    ...(allocations === undefined
      ? {}
      : {
          arms: allocations.map(({ weight, ...arm }) => ({
            ...(arm as { versionId: string }),
            weight: ofPercent(weight),
          })),
        }),
    ...(routingKey === undefined ? {} : { routingKeys: [routingKey] }),
    ...converted,
  };
};

/** A change by hand; `revision` is the one that the caller saw. Compatible forms as in `toStartRollout`. */
export const toPatchRollout = (body: PatchRolloutBody, revision: number): PatchRollout => {
  const problems: Problem[] = [];
  const { candidateWeight, rules, ...rest } = body;
  onlyOne(body, ['weight', 'candidateWeight', 'weights'], problems);
  const converted = rules === undefined ? {} : { rules: toRules(rules, problems) };
  const { revision: _revision, reason: _reason, force: _force, ...changes } = body;
  if (Object.values(changes).every((value) => value === undefined)) {
    problems.push({ message: 'changes nothing: give a weight, weights, rules, forced, onNoData or runPolicy' });
  }
  refuse(problems);
  return {
    ...(rest as Omit<PatchRollout, 'revision' | 'rules'>),
    revision,
    ...(candidateWeight === undefined ? {} : { weight: ofPercent(candidateWeight) }),
    ...converted,
  };
};

const canaryFields = ['candidateVersionId', 'weight', 'candidateWeight', 'steps'] as const;

/** A whole percent as an exact decimal fraction. */
const ofPercent = (percent: number): Weight => (percent / 100).toFixed(2);

const onlyOne = <B extends object>(body: B, fields: readonly (keyof B & string)[], problems: Problem[]): void => {
  const given = fields.filter((field) => body[field] !== undefined);
  for (const field of given.slice(1))
    problems.push({ field, message: `says the same as ${given[0]}: give one of them` });
};

const checkAllocations = (allocations: NonNullable<StartRolloutBody['allocations']>, problems: Problem[]): void => {
  if (allocations.length < 2) problems.push({ field: 'allocations', message: 'needs at least two versions' });
  // Whole percents, so that the sum is exact.
  const sum = allocations.reduce((total, { weight }) => total + weight, 0);
  if (sum !== 100) problems.push({ field: 'allocations', message: `the weights add up to ${sum}`, expected: '100' });
};

const toRules = (rules: readonly RuleBody[], problems: Problem[]): readonly RuleInput[] =>
  rules.flatMap((rule, index) => toRule(rule, `rules[${index}]`, problems) ?? []);

const compatibleFields: ReadonlySet<string> = new Set(['scorerId', 'threshold', 'windowSize', 'action']);

const toRule = (rule: RuleBody, field: string, problems: Problem[]): RuleInput | undefined => {
  const { scorerId, windowSize, ...own } = rule;
  if (scorerId === undefined) {
    if (windowSize !== undefined) problems.push({ field: `${field}.windowSize`, message: 'only goes with scorerId' });
    if (own.metric === undefined) problems.push({ field: `${field}.metric`, message: 'is missing: what is tested?' });
    return own as RuleInput;
  }
  for (const [name, value] of Object.entries(rule)) {
    if (value === undefined || compatibleFields.has(name)) continue;
    problems.push({ field: `${field}.${name}`, message: 'does not go with scorerId: give a metric instead' });
  }
  for (const name of ['threshold', 'windowSize'] as const) {
    if (rule[name] === undefined) problems.push({ field: `${field}.${name}`, message: 'is missing' });
  }
  const metric: Metric = `score:${scorerId}`;
  return {
    metric,
    kind: 'floor',
    ...(rule.threshold === undefined ? {} : { threshold: rule.threshold }),
    ...(windowSize === undefined ? {} : { minUnits: windowSize }),
    action: rule.action ?? 'rollback',
  };
};

const refuse = (problems: readonly Problem[]): void => {
  const [first] = problems;
  if (first === undefined) return;
  const where = first.field === undefined ? '' : `${first.field}: `;
  throw new DomainError('invalid_argument', `${where}${first.message}`, { problems });
};
