import type { ErrorData, JsonValue, Problem } from '@skein/domain';
import { utf8Length } from '@skein/domain';

/** Most problems of one error, and the JSON of all that a fact holds of it. */
const maxProblems = 64;
const maxErrorBytes = 24 * 1024;

/** Characters that stay of a text that is too long; each takes at most six bytes of JSON. */
const keptCharacters = 1_000;

const jsonBytes = (value: unknown): number => utf8Length(JSON.stringify(value));

const cut = (text: string): string => (text.length <= keptCharacters ? text : `${text.slice(0, keptCharacters)} …`);

const boundProblem = (problem: Problem): Problem =>
  Object.fromEntries(
    Object.entries(problem).map(([name, value]) => [name, typeof value === 'string' ? cut(value) : value]),
  ) as unknown as Problem;

/** The first of the problems, as many as a fact can hold, and how many there are in all. */
export const boundProblems = (
  problems: readonly Problem[],
): { readonly problems: readonly Problem[]; readonly total?: number } => {
  const kept: Problem[] = [];
  let bytes = 0;
  for (const problem of problems) {
    const bounded = boundProblem(problem);
    bytes += jsonBytes(bounded) + 1;
    if (kept.length >= maxProblems || bytes > maxErrorBytes - 4 * 1024) break;
    kept.push(bounded);
  }
  return kept.length === problems.length ? { problems: kept } : { problems: kept, total: problems.length };
};

/** The messages of problems in one text of bounded length. */
export const messageOf = (problems: readonly Problem[]): string => {
  const texts: string[] = [];
  let length = 0;
  for (const { message } of problems) {
    length += message.length;
    if (length > keptCharacters && texts.length > 0) {
      return `${texts.join('; ')}; and ${problems.length - texts.length} more`;
    }
    texts.push(cut(message));
  }
  return texts.join('; ');
};

/** An error that fits into a fact, whatever it says: its message is cut, of its problems the first stay, other details go. */
export const boundError = (error: ErrorData): ErrorData => {
  if (jsonBytes(error) <= maxErrorBytes) return error;
  const { code, details } = error;
  const problems = details?.['problems'];
  const base = { code, message: cut(error.message) };
  if (!Array.isArray(problems)) return base;
  return {
    ...base,
    details: boundProblems(problems as unknown as readonly Problem[]) as unknown as { [key: string]: JsonValue },
  };
};
