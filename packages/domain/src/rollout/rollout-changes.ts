import { DomainError, type Problem } from '../errors/domain-error.ts';
import { alphaBegun } from './alpha-account.ts';
import type { RolloutCommand } from './decide-rollout.ts';
import { completeForced } from './forced-units.ts';
import type { Move } from './rollout-moves.ts';
import { refuseProblems, shapeProblem } from './rollout-problems.ts';
import type { RolloutActor, RolloutRecord, RolloutRule } from './rollout-record.ts';
import { completeRules, type RuleRequest } from './rule-defaults.ts';
import { ruleProblems } from './rule-problems.ts';

type Change = Extract<RolloutCommand, { readonly type: 'change' }>;

/** What the false-rollback bound may come to by changes of rules, unless forced. */
const maxAlphaSpent = 0.5;

/** What a person changes in a rollout beside its weights; checked as at the start. New tests are paid for in `alphaSpent`. */
export const applyChange = (record: RolloutRecord, command: Change, by: RolloutActor, at: number): Move => {
  const { rules, forced, onNoData, runPolicy } = command;
  if (rules === undefined && forced === undefined && onNoData === undefined && runPolicy === undefined) {
    throw new DomainError('invalid_argument', 'there is nothing to change');
  }
  const problems: Problem[] = [];
  const changed: RolloutRecord = {
    ...record,
    rules: rules === undefined ? record.rules : checkedRules(record, rules, problems),
    forced: forced === undefined ? record.forced : completeForced(forced, record.arms, at, problems),
    onNoData: onNoData ?? record.onNoData,
    runPolicy: runPolicy ?? record.runPolicy,
  };
  if (!['pause', 'ignore', 'rollback'].includes(changed.onNoData)) {
    problems.push(shapeProblem('onNoData', 'is pause, ignore or rollback'));
  }
  if (!['drain', 'migrate', 'abort'].includes(changed.runPolicy)) {
    problems.push(shapeProblem('runPolicy', 'is drain, migrate or abort'));
  }
  refuseProblems(problems);
  const alphaSpent = record.alphaSpent + alphaBegun(record, changed);
  if (alphaSpent > record.alphaSpent && alphaSpent > maxAlphaSpent && by.force !== true) {
    throw new DomainError(
      'unprocessable',
      'the rules were changed too often: the promise about false rollbacks is spent',
      {
        problems: [{ message: `brings alphaSpent to ${alphaSpent}, above ${maxAlphaSpent}`, field: 'rules' }],
        alphaSpent,
        limit: maxAlphaSpent,
      },
    );
  }
  return { record: { ...changed, alphaSpent }, type: 'changed', reason: 'requested' };
};

const checkedRules = (
  record: RolloutRecord,
  requests: readonly RuleRequest[],
  problems: Problem[],
): readonly RolloutRule[] => {
  const rules = completeRules(requests, record.scorers);
  const setting = {
    scorers: record.scorers,
    alpha: record.alpha,
    candidates: record.arms.length - 1,
    planned: record.steps.length > 0,
  };
  problems.push(...ruleProblems(rules, setting));
  return rules;
};
