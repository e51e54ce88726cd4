import type { JsonObject, JsonValue } from '@skein/domain';
import { selectValues, textOf } from './select-values.ts';

interface Check {
  readonly passed: boolean;
  readonly weight: number;
  readonly what: string;
}

const asObject = (value: JsonValue | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};

const words = (value: JsonValue | undefined): readonly string[] =>
  (Array.isArray(value) ? value : [value ?? '']).map(textOf).filter((word) => word !== '');

/** What a check asks of the values at its path; each that it names must hold. */
const holds = (values: readonly JsonValue[], check: JsonObject): boolean => {
  const text = values.map(textOf).join('\n');
  const lower = text.toLowerCase();
  const { equals, one_of: oneOf, contains, lacks, min_length: min, max_length: max } = check;
  const { at_least: least, at_most: most } = check;
  if (values.length === 0) return false;
  if (equals !== undefined && JSON.stringify(values[0]) !== JSON.stringify(equals)) return false;
  if (Array.isArray(oneOf) && !oneOf.some((each) => JSON.stringify(each) === JSON.stringify(values[0]))) return false;
  if (contains !== undefined && !words(contains).some((word) => lower.includes(word.toLowerCase()))) return false;
  if (lacks !== undefined && words(lacks).some((word) => lower.includes(word.toLowerCase()))) return false;
  if (typeof min === 'number' && text.length < min) return false;
  if (typeof max === 'number' && text.length > max) return false;
  if (typeof least === 'number' && !(Number(text) >= least)) return false;
  return !(typeof most === 'number' && !(Number(text) <= most));
};

const declaredChecks = (settings: JsonObject, data: JsonObject): readonly Check[] => {
  const { checks } = settings;
  return (Array.isArray(checks) ? checks : []).map((value) => {
    const check = asObject(value);
    const path = typeof check['path'] === 'string' ? check['path'] : 'output';
    const weight = typeof check['weight'] === 'number' && check['weight'] > 0 ? check['weight'] : 1;
    const what = typeof check['name'] === 'string' ? check['name'] : path;
    return { passed: holds(selectValues(data, path), check), weight, what };
  });
};

/** Words in quotes in the rubric: each is to be in the output. */
const quotedChecks = (rubric: string, data: JsonObject): readonly Check[] => {
  const output = textOf(data['output']).toLowerCase();
  return [...rubric.matchAll(/"([^"\n]{1,80})"/g)].map(([, word = '']) => ({
    passed: output.includes(word.toLowerCase()),
    weight: 1,
    what: word,
  }));
};

/**
 * Judges the data named `output` by the checks of the rules, else by the words that the rubric has in quotes: the score is the share that passes, by
 * weight. Without either it is 0.5, and the reason says so.
 */
export const judgeOutput = (settings: JsonObject, data: JsonObject, rubric: string): JsonObject => {
  const declared = declaredChecks(settings, data);
  const checks = declared.length > 0 ? declared : quotedChecks(rubric, data);
  if (checks.length === 0) return { score: 0.5, reason: 'The rubric has no checks that my rules know.' };
  const total = checks.reduce((sum, { weight }) => sum + weight, 0);
  const passed = checks.reduce((sum, check) => sum + (check.passed ? check.weight : 0), 0);
  const failed = checks.filter((check) => !check.passed).map(({ what }) => what);
  const reason = failed.length === 0 ? 'All checks pass.' : `These checks fail: ${failed.slice(0, 10).join(', ')}.`;
  return { score: Math.round((passed / total) * 1e6) / 1e6, reason };
};
