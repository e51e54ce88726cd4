import { DomainError } from '@skein/domain';

const patternPrefix = 're:';

/** The pattern after `re:`, or undefined for plain text. Throws `invalid_argument` for a pattern that does not compile. */
export const patternOf = (expected: string): RegExp | undefined => {
  if (!expected.startsWith(patternPrefix)) return undefined;
  const source = expected.slice(patternPrefix.length);
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    throw new DomainError('invalid_argument', `"${source}" is not a valid regular expression`, {}, error);
  }
};

/** A precondition's comparison: equal text, or a match anywhere after `re:`. */
export const matchesExpected = (actual: string, expected: string): boolean =>
  patternOf(expected)?.test(actual) ?? actual === expected;

/** `continue_on.output`: some entry occurs in the captured output, as text or, after `re:`, as a pattern. */
export const matchesAnyOutput = (output: string, wanted: readonly string[]): boolean =>
  wanted.some((entry) => patternOf(entry)?.test(output) ?? output.includes(entry));
