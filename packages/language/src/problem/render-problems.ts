import type { Problem } from '@skein/domain';

/** One line per problem: `file:line:column: message (expected …; did you mean …?)`. */
export const renderProblems = (problems: readonly Problem[]): string =>
  sortProblems(problems).map(renderProblem).join('\n');

/** One problem as one line. */
export const renderProblem = (problem: Problem): string => {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const hints = [
    ...(problem.expected === undefined ? [] : [`expected ${problem.expected}`]),
    ...(problem.suggestion === undefined ? [] : [`did you mean ${problem.suggestion}?`]),
  ];
  const tail = hints.length === 0 ? '' : ` (${hints.join('; ')})`;
  return `${place === '' ? '' : `${place}: `}${problem.message}${tail}`;
};

/** By file, then position; a stable order for people and for golden files. */
export const sortProblems = (problems: readonly Problem[]): readonly Problem[] =>
  problems.toSorted(
    (a, b) =>
      compareText(a.file ?? '', b.file ?? '') ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compareText(a.message, b.message),
  );

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
