import type { TextPattern, TextPatterns } from '@skein/ports';

const patternPrefix = 're:';

/** The pattern after `re:`, or undefined for plain text. Throws `invalid_argument` for a pattern that does not compile. */
const patternOf = (patterns: TextPatterns, expected: string): TextPattern | undefined =>
  expected.startsWith(patternPrefix) ? patterns.compile(expected.slice(patternPrefix.length)) : undefined;

/** A precondition's comparison: equal text, or a match anywhere after `re:`. Throws what `TextPatterns` throws. */
export const matchesExpected = (patterns: TextPatterns, actual: string, expected: string): boolean =>
  patternOf(patterns, expected)?.test(actual) ?? actual === expected;

/** `continue_on.output`: some entry occurs in the captured output, as text or, after `re:`, as a pattern. Throws what `TextPatterns` throws. */
export const matchesAnyOutput = (patterns: TextPatterns, output: string, wanted: readonly string[]): boolean =>
  wanted.some((entry) => patternOf(patterns, entry)?.test(output) ?? output.includes(entry));
