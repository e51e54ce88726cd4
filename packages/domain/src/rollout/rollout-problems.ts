import { DomainError, type Problem } from '../errors/domain-error.ts';

/** A problem of shape: the request is not what it should be (400). */
export const shapeProblem = (field: string, message: string): Problem => ({ message, field });

/** A problem of sense: well formed, but it can never do what it is for (422). */
export const senseProblem = (field: string, message: string): Problem => ({ message, field, code: 'unprocessable' });

/** Problems that a message tells; more are counted in it. */
const maxTold = 3;

/**
 * Throws when there are problems: `invalid_argument` if one is of shape, else `unprocessable`; all of them are in `details.problems`.
 */
export const refuseProblems = (problems: readonly Problem[]): void => {
  if (problems.length === 0) return;
  const code = problems.some((problem) => problem.code === undefined) ? 'invalid_argument' : 'unprocessable';
  const told = problems.slice(0, maxTold).map(({ field, message }) => `${field}: ${message}`);
  const more = problems.length > maxTold ? ` (and ${problems.length - maxTold} more)` : '';
  throw new DomainError(code, `${told.join('; ')}${more}`, { problems });
};
