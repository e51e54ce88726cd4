import { DomainError, type Problem } from '../errors/domain-error.ts';

/** A problem of shape: the request is not what it should be (400). */
export const shapeProblem = (field: string, message: string): Problem => ({ message, field });

/** A problem of sense: well formed, but it can never do what it is for (422). */
export const senseProblem = (field: string, message: string): Problem => ({ message, field, code: 'unprocessable' });

/**
 * Throws when there are problems: `invalid_argument` if one is of shape, else `unprocessable`; all of them are in `details.problems`.
 */
export const refuseProblems = (problems: readonly Problem[]): void => {
  const [first] = problems;
  if (first === undefined) return;
  const code = problems.some((problem) => problem.code === undefined) ? 'invalid_argument' : 'unprocessable';
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  throw new DomainError(code, `${first.field}: ${first.message}${more}`, { problems });
};
