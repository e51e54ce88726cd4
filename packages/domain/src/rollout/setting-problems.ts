import type { Problem } from '../errors/domain-error.ts';
import { isName } from '../identity/ids.ts';
import { hasLoneSurrogate } from '../text/clean-text.ts';
import { utf8Length } from '../text/utf8.ts';
import type { NewRollout } from './new-rollout.ts';
import { senseProblem, shapeProblem } from './rollout-problems.ts';
import { weightProblem } from './weights.ts';

const maxRoutingKeys = 8;
const maxKeyLength = 128;
const maxEligibilityBytes = 4_096;
const maxScorers = 16;
const maxDurationMs = 366 * 86_400_000;

const words = {
  type: ['canary', 'ab_test'],
  runPolicy: ['drain', 'migrate', 'abort'],
  onNoData: ['pause', 'ignore', 'rollback'],
  onMissing: ['drop', 'zero'],
  memory: ['frozen', 'forked', 'shared'],
} as const;

/** What is wrong with the settings of a request beside its arms, plan, rules and forced units. */
export const settingProblems = (input: NewRollout): readonly Problem[] => [
  ...wordProblems(input),
  ...textProblems(input),
  ...numberProblems(input),
  ...keyProblems(input.routingKeys),
  ...scorerProblems(input.scorers ?? []),
];

const wordProblems = (input: NewRollout): Problem[] =>
  Object.entries(words).flatMap(([name, known]) => {
    const word = input[name as keyof typeof words];
    if (word === undefined || (known as readonly string[]).includes(word)) return [];
    return [shapeProblem(name, `"${word}" is none of ${known.join(', ')}`)];
  });

const isText = (text: unknown): text is string =>
  typeof text === 'string' && text !== '' && !text.includes('\u0000') && !hasLoneSurrogate(text);

const textProblems = (input: NewRollout): Problem[] => {
  const problems: Problem[] = [];
  for (const name of ['id', 'agentId', 'stableVersionId', 'salt'] as const) {
    if (!isText(input[name])) problems.push(shapeProblem(name, 'must be a text without NUL and lone surrogates'));
  }
  const { eligibility } = input;
  if (eligibility !== undefined && (!isText(eligibility) || utf8Length(eligibility) > maxEligibilityBytes)) {
    problems.push(shapeProblem('eligibility', `a condition has 1 to ${maxEligibilityBytes} bytes and no NUL`));
  }
  return problems;
};

const numberProblems = (input: NewRollout): Problem[] => {
  const problems: Problem[] = [];
  for (const name of ['alpha', 'promoteAlpha'] as const) {
    const value = input[name];
    if (value === undefined || (value > 0 && value < 0.5)) continue;
    if (!Number.isFinite(value)) problems.push(shapeProblem(name, 'must be a number'));
    else problems.push(senseProblem(name, 'must be above 0 and below 0.5: it is the probability of a wrong decision'));
  }
  for (const name of ['valueDeadlineMs', 'runDeadlineMs', 'horizonMs'] as const) {
    const value = input[name];
    if (value === undefined || (Number.isSafeInteger(value) && value > 0 && value <= maxDurationMs)) continue;
    problems.push(shapeProblem(name, 'must be an integer above 0, of ms, and at most 366 days'));
  }
  const shadow = input.shadow === undefined ? undefined : weightProblem(input.shadow);
  if (shadow !== undefined) problems.push(shapeProblem('shadow', shadow));
  return problems;
};

const keyProblems = (keys: readonly string[] | undefined): Problem[] => {
  if (keys === undefined) return [];
  const problems: Problem[] = [];
  if (keys.length === 0 || keys.length > maxRoutingKeys) {
    problems.push(shapeProblem('routingKeys', `1 to ${maxRoutingKeys} keys`));
  }
  keys.forEach((key, index) => {
    const at = `routingKeys[${index}]`;
    if (!isText(key) || key.length > maxKeyLength) {
      problems.push(shapeProblem(at, `a key has 1 to ${maxKeyLength} characters`));
    } else if (keys.indexOf(key) !== index) {
      problems.push(shapeProblem(at, `the key "${key}" is there twice`));
    }
  });
  return problems;
};

const scorerProblems = (scorers: NonNullable<NewRollout['scorers']>): Problem[] => {
  const problems: Problem[] = [];
  if (scorers.length > maxScorers) problems.push(shapeProblem('scorers', `at most ${maxScorers} scorers`));
  scorers.forEach(({ id, sample }, index) => {
    const at = `scorers[${index}]`;
    if (!isName(id)) {
      const message = 'an id is a letter or digit, then up to 63 letters, digits, "_", "." or "-"';
      problems.push(shapeProblem(`${at}.id`, message));
    }
    if (scorers.findIndex((other) => other.id === id) !== index) {
      problems.push(shapeProblem(`${at}.id`, `another scorer has the id "${id}"`));
    }
    if (!(sample >= 0 && sample <= 1)) problems.push(shapeProblem(`${at}.sample`, 'a share is from 0 to 1'));
    else if (sample === 0) problems.push(senseProblem(`${at}.sample`, 'the scorer would never judge anything'));
  });
  return problems;
};
