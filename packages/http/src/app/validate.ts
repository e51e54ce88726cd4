import type { z } from '@hono/zod-openapi';
import { DomainError, type Problem } from '@skein/domain';

/** The value in the schema's form, or an error that lists every problem by field. Path parameters that name nothing are `not_found`. */
export const validate = <S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: 'invalid_argument' | 'not_found',
): z.infer<S> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as z.infer<S>;
  const problems = parsed.error.issues.map(toProblem);
  if (code === 'not_found') throw new DomainError('not_found', `nothing has this ${problems[0]?.field ?? 'name'}`);
  const first = problems[0];
  const where = first?.field === undefined ? '' : `${first.field}: `;
  throw new DomainError('invalid_argument', `${where}${first?.message ?? 'the input is not valid'}`, { problems });
};

const toProblem = (issue: z.core.$ZodIssue): Problem => {
  const field = fieldOf(issue.path);
  const expected = 'expected' in issue && typeof issue.expected === 'string' ? issue.expected : undefined;
  return {
    message: issue.message,
    ...(field === '' ? {} : { field }),
    ...(expected === undefined ? {} : { expected }),
  };
};

const fieldOf = (path: readonly PropertyKey[]): string =>
  path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
