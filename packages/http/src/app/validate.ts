import type { z } from '@hono/zod-openapi';
import { DomainError, type Problem, suggest } from '@skein/domain';

/** The value in the schema's form, or an error that lists every problem by field. Path parameters that name nothing are `not_found`. */
export const validate = <S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: 'invalid_argument' | 'not_found',
): z.infer<S> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as z.infer<S>;
  const problems = parsed.error.issues.flatMap((issue) => toProblems(schema, issue));
  if (code === 'not_found') throw new DomainError('not_found', `nothing has this ${problems[0]?.field ?? 'name'}`);
  const first = problems[0];
  const where = first?.field === undefined ? '' : `${first.field}: `;
  throw new DomainError('invalid_argument', `${where}${first?.message ?? 'the input is not valid'}`, { problems });
};

const toProblems = (schema: z.ZodType, issue: z.core.$ZodIssue): readonly Problem[] => {
  if (issue.code !== 'unrecognized_keys') return [toProblem(issue)];
  const known = fieldsAt(schema, issue.path);
  return issue.keys.map((key) => {
    const near = suggest(key, known);
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    const field = fieldOf([...issue.path, key.slice(0, 100)]);
    return {
      message: `there is no field "${key.slice(0, 100)}"${hint}`,
      field,
      ...(near === undefined ? {} : { suggestion: near }),
    };
  });
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

/** The parts of a schema's definition that lead to its fields. */
interface Definition {
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly shape?: { readonly [key: string]: z.ZodType };
  readonly element?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

/** Names of the fields that an object at this place may have; of all its forms, when there are several. */
const fieldsAt = (schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] => {
  const { innerType, in: input, shape, element, options } = schema.def as Definition;
  const inner = innerType ?? input;
  if (inner !== undefined) return fieldsAt(inner, path);
  if (options !== undefined) return options.flatMap((option) => fieldsAt(option, path));
  const [key, ...rest] = path;
  if (key === undefined) return shape === undefined ? [] : Object.keys(shape);
  const next = typeof key === 'number' ? element : shape?.[String(key)];
  return next === undefined ? [] : fieldsAt(next, rest);
};

const fieldOf = (path: readonly PropertyKey[]): string =>
  path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
