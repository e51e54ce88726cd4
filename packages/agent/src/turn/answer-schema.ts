import {
  canonicalJson,
  cleanText,
  DomainError,
  isDomainError,
  type JsonObject,
  type JsonSchema,
  type JsonValue,
} from '@skein/domain';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

/** An answer that was judged: the step's outputs with their size, or what is wrong with it. */
export type JudgedAnswer =
  | { readonly ok: true; readonly outputs: JsonObject; readonly bytes: number }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The schema of an agent step's answer. */
export interface AnswerSchema {
  /** Input schema of the `output` tool: always an object, because every provider takes only objects as tool input. */
  readonly toolSchema: JsonSchema;
  judge(input: JsonValue): JudgedAnswer;
}

const maxProblems = 20;

/** Throws `invalid_argument` for a schema that cannot be compiled. A schema of another type than object is answered as `result`. */
export const compileAnswerSchema = (schema: JsonSchema): AnswerSchema => {
  const validate = compile(schema);
  const isWrapped = !describesObject(schema);
  return {
    toolSchema: isWrapped ? wrap(schema) : { ...schema, type: 'object' },
    judge: (input) => {
      const cleaned = clean(input);
      if (!isObject(cleaned)) return { ok: false, problems: ['the answer must be an object'] };
      const value = isWrapped ? cleaned['result'] : cleaned;
      if (value === undefined) return { ok: false, problems: ['/result is missing'] };
      if (!validate(value)) return { ok: false, problems: problemsOf(validate.errors ?? []) };
      return measure(isWrapped ? { result: value } : (value as JsonObject));
    },
  };
};

/** The bytes of outputs as they would be stored. */
export const measure = (outputs: JsonObject): JudgedAnswer => {
  try {
    return { ok: true, outputs, bytes: new TextEncoder().encode(canonicalJson(outputs)).byteLength };
  } catch (thrown) {
    if (isDomainError(thrown)) return { ok: false, problems: [thrown.message] };
    throw thrown;
  }
};

const compile = (schema: JsonSchema): ValidateFunction => {
  try {
    // `strict: false`: authors' schemas may hold keywords for editors. Formats need tables that we do not carry.
    return new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw new DomainError('invalid_argument', `the output schema cannot be used: ${reason}`, {}, cause);
  }
};

const describesObject = (schema: JsonSchema): boolean =>
  schema['type'] === 'object' || (schema['type'] === undefined && schema['properties'] !== undefined);

const wrap = (schema: JsonSchema): JsonSchema => {
  const { $defs, $schema: _, ...inner } = schema;
  return {
    type: 'object',
    properties: { result: inner },
    required: ['result'],
    // Pointers such as `#/$defs/x` start at the root.
    ...($defs === undefined ? {} : { $defs }),
  };
};

const problemsOf = (errors: readonly ErrorObject[]): readonly string[] => {
  const told = errors.slice(0, maxProblems).map((error) => {
    const allowed = (error.params as { allowedValues?: unknown }).allowedValues;
    const extra = (error.params as { additionalProperty?: unknown }).additionalProperty;
    const detail =
      allowed !== undefined ? `: ${JSON.stringify(allowed)}` : extra !== undefined ? `: ${JSON.stringify(extra)}` : '';
    return `${error.instancePath === '' ? '/' : error.instancePath} ${error.message ?? error.keyword}${detail}`;
  });
  return errors.length > maxProblems ? [...told, `and ${errors.length - maxProblems} more`] : told;
};

/** NUL and lone surrogates cannot be stored; a model's slip of that kind is not worth a repair. */
const clean = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), clean(inner)]));
};

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
