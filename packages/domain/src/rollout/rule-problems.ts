import type { Problem } from '../errors/domain-error.ts';
import { hasLoneSurrogate } from '../text/clean-text.ts';
import { suggest } from '../text/suggest.ts';
import { senseProblem, shapeProblem } from './rollout-problems.ts';
import type { RolloutRule, Scorer } from './rollout-record.ts';
import { metricKind, scorerOfMetric } from './rule-defaults.ts';

/** What rules are checked against. */
export interface RuleSetting {
  readonly scorers: readonly Pick<Scorer, 'id'>[];
  readonly alpha: number;
  /** Arms beside the stable one. */
  readonly candidates: number;
  /** The weight is raised by a plan: something must decide when it ends. */
  readonly planned: boolean;
}

const maxRules = 32;
const maxRuleId = 128;

/** A rule that needs more blocks than this, each of them the worst possible, will never fire. */
const maxBlocks = 100_000;

/** The grid of the e-process has 16 bets, the boldest 0.75 (g.6). */
const bets = 16;
const boldestBet = 0.75;

/**
 * The least number of blocks after which a rule can breach, when each is as bad as can be:
 * `ceil((ln 16 + ln 1/alpha_r) / ln(1 + 0.75 g))`, the bound of g.6; g = (1 - margin) / (1 + margin), or the threshold of a floor.
 */
export const fewestBlocks = (rule: RolloutRule, alphaOfRule: number): number => {
  const worst = rule.kind === 'floor' ? (rule.threshold ?? 0) : (1 - rule.margin) / (1 + rule.margin);
  return Math.ceil((Math.log(bets) - Math.log(alphaOfRule)) / Math.log1p(boldestBet * worst));
};

/** Everything that is wrong with completed rules; fields are `rules[N].NAME`, N as in the request, which they begin with. */
export const ruleProblems = (rules: readonly RolloutRule[], setting: RuleSetting): readonly Problem[] => {
  const problems: Problem[] = [];
  if (rules.length > maxRules) problems.push(shapeProblem('rules', `at most ${maxRules} rules`));
  const total = rules.reduce((sum, rule) => sum + rule.weight, 0) * setting.candidates;
  const seen = new Set<string>();
  rules.forEach((rule, index) => {
    const at = `rules[${index}]`;
    if (seen.has(rule.id)) problems.push(senseProblem(`${at}.id`, `another rule has the id "${rule.id}"`));
    seen.add(rule.id);
    const own = [...shapeOf(rule, at), ...metricProblems(rule, at, setting.scorers), ...numbersOf(rule, at)];
    problems.push(...own);
    if (own.length > 0 || !(total > 0) || !(setting.alpha > 0)) return;
    const blocks = fewestBlocks(rule, (setting.alpha * rule.weight) / total);
    if (!(blocks <= maxBlocks)) {
      problems.push(
        senseProblem(at, `the rule can never fire: the worst candidate would need ${blocks} blocks of values`),
      );
    }
  });
  if (
    setting.planned &&
    rules.length > 0 &&
    rules.every((rule) => rule.kind === 'floor' || rule.promoteMargin === undefined)
  ) {
    const message = 'the plan can never end: no rule is part of the promotion gate; give one of them a promoteMargin';
    problems.push(senseProblem('rules', message));
  }
  return problems;
};

const words = {
  kind: ['regression', 'floor'],
  direction: ['higher_is_better', 'lower_is_better'],
  action: ['rollback', 'pause', 'notify'],
} as const;

const shapeOf = (rule: RolloutRule, at: string): Problem[] => {
  const problems: Problem[] = [];
  if (rule.id === '' || rule.id.length > maxRuleId || rule.id.includes('\u0000') || hasLoneSurrogate(rule.id)) {
    problems.push(shapeProblem(`${at}.id`, `an id has 1 to ${maxRuleId} characters`));
  }
  for (const [name, known] of Object.entries(words)) {
    const word = rule[name as keyof typeof words];
    if (!(known as readonly string[]).includes(word)) {
      problems.push(shapeProblem(`${at}.${name}`, `"${word}" is none of ${known.join(', ')}`));
    }
  }
  if (!['unit', 'cap', 'rank'].includes(rule.scale.kind)) {
    problems.push(shapeProblem(`${at}.scale.kind`, 'a scale is unit, cap or rank'));
  }
  if (rule.scale.kind === 'cap' && !(Number.isFinite(rule.scale.cap) && rule.scale.cap > 0)) {
    problems.push(shapeProblem(`${at}.scale.cap`, 'a cap is a number above 0'));
  }
  for (const name of ['margin', 'weight', 'promoteMargin', 'threshold'] as const) {
    const value = rule[name];
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) {
      problems.push(shapeProblem(`${at}.${name}`, 'must be a number, not below 0'));
    }
  }
  if (!(Number.isInteger(rule.minUnits) && rule.minUnits >= 1)) {
    problems.push(shapeProblem(`${at}.minUnits`, 'must be an integer from 1 on'));
  }
  if (rule.kind === 'floor' && rule.threshold === undefined) {
    problems.push(shapeProblem(`${at}.threshold`, 'a floor needs a threshold'));
  }
  if (rule.kind === 'regression' && rule.threshold !== undefined) {
    problems.push(shapeProblem(`${at}.threshold`, 'only a floor has a threshold'));
  }
  return problems;
};

const metricProblems = (rule: RolloutRule, at: string, scorers: RuleSetting['scorers']): Problem[] => {
  const what = metricKind(rule.metric);
  if (what === undefined) return [shapeProblem(`${at}.metric`, `there is no metric "${rule.metric}"`)];
  const problems: Problem[] = [];
  const scorer = scorerOfMetric(rule.metric);
  if (scorer !== undefined && !scorers.some(({ id }) => id === scorer)) {
    const near = suggest(
      scorer,
      scorers.map(({ id }) => id),
    );
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    problems.push({
      ...senseProblem(`${at}.metric`, `the rule can never fire: no scorer "${scorer}" is declared${hint}`),
      ...(near === undefined ? {} : { suggestion: near }),
    });
  }
  const { scale } = rule;
  if (scale.kind === 'unit' && what === 'amount') {
    problems.push(senseProblem(`${at}.scale`, `${rule.metric} has no upper bound: use rank, or cap`));
  }
  if (scale.kind === 'cap' && (what !== 'amount' || rule.direction === 'higher_is_better')) {
    problems.push(senseProblem(`${at}.scale`, 'a cap is for amounts of which less is better'));
  }
  if (scale.kind === 'rank' && rule.kind === 'floor') {
    problems.push(senseProblem(`${at}.scale`, 'a floor compares with a number, which a rank is not: use cap'));
  }
  return problems;
};

const maxMinUnits = 1_000_000;

const numbersOf = (rule: RolloutRule, at: string): Problem[] => {
  const problems: Problem[] = [];
  if (rule.margin >= 1) problems.push(senseProblem(`${at}.margin`, 'a margin of 1 or more can never be exceeded'));
  if (rule.weight === 0) problems.push(senseProblem(`${at}.weight`, 'a rule without a share of alpha can never fire'));
  if (rule.minUnits > maxMinUnits) {
    problems.push(senseProblem(`${at}.minUnits`, `the rule would never fire: at most ${maxMinUnits}`));
  }
  if (rule.threshold === 0) problems.push(senseProblem(`${at}.threshold`, 'nothing is below 0: it can never fire'));
  if (rule.threshold !== undefined && rule.threshold >= 1) {
    problems.push(senseProblem(`${at}.threshold`, 'a threshold is below 1: no mean can be kept there'));
  }
  if (rule.promoteMargin !== undefined && rule.kind === 'floor') {
    problems.push(senseProblem(`${at}.promoteMargin`, 'a floor is no part of the promotion gate'));
  }
  if (rule.promoteMargin === 0) {
    problems.push(senseProblem(`${at}.promoteMargin`, 'must be above 0: an equally good candidate would never pass'));
  }
  if (rule.promoteMargin !== undefined && rule.promoteMargin >= 1) {
    problems.push(senseProblem(`${at}.promoteMargin`, 'must be below 1: the worst candidate would pass'));
  }
  return problems;
};
