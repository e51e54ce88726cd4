import {
  canonicalJson,
  DomainError,
  isDomainError,
  type JsonObject,
  type JsonSchema,
  type JsonValue,
} from '@skein/domain';
import type { TextPatterns } from '@skein/ports';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { cleanJson } from './clean-json.ts';

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

/** `strict: false`: authors' schemas may hold keywords for editors. Formats need tables that we do not carry. */
const options = { strict: false, allErrors: true, validateFormats: false } as const;

/** Judges schemas themselves, for which each validator would compile the schema of schemas anew. It keeps none of them. */
const schemas = new Ajv2020(options);

/** Throws `invalid_argument` for a schema that cannot be compiled. A schema of another type than object is answered as `result`. */
export const compileAnswerSchema = (schema: JsonSchema, patterns: TextPatterns): AnswerSchema => {
  const validate = compile(schema, patterns);
  const isWrapped = !describesObject(schema);
  return {
    toolSchema: isWrapped ? wrap(schema) : { ...schema, type: 'object' },
    judge: (input) => {
      // A model's slip of that kind is not worth a repair.
      const cleaned = cleanJson(input);
      if (!isObject(cleaned)) return { ok: false, problems: ['the answer must be an object'] };
      const value = isWrapped ? cleaned['result'] : cleaned;
      if (value === undefined) return { ok: false, problems: ['/result is missing'] };
      const problems = check(validate, value);
      if (problems.length > 0) return { ok: false, problems };
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

const compile = (schema: JsonSchema, patterns: TextPatterns): ValidateFunction => {
  // An asynchronous check answers with a promise, which counts as yes.
  if (schema['$async'] !== undefined) throw unusable('$async is not supported');
  const compilePattern = (source: string) => {
    const pattern = patterns.compile(source);
    // Ajv takes patterns of equal text for the same one.
    return { test: (text: string) => pattern.test(text), toString: () => source };
  };
  const regExp = Object.assign(compilePattern, { code: 'compilePattern' });
  try {
    if (schemas.validateSchema(schema) !== true) throw new Error(`schema is invalid: ${schemas.errorsText()}`);
    return new Ajv2020({ ...options, validateSchema: false, code: { regExp } }).compile(schema);
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : 'unknown', cause);
  }
};

const unusable = (reason: string, cause?: unknown): DomainError =>
  new DomainError('invalid_argument', `the output schema cannot be used: ${reason}`, {}, cause);

/** What is wrong with a value. Throws `invalid_argument` when the schema itself is what cannot be followed. */
const check = (validate: ValidateFunction, value: JsonValue): readonly string[] => {
  try {
    return validate(value) === true ? [] : problemsOf(validate.errors ?? []);
  } catch (thrown) {
    if (thrown instanceof RangeError) throw unusable('it refers to itself without end', thrown);
    if (isDomainError(thrown) && thrown.code === 'deadline_exceeded') return [thrown.message];
    throw thrown;
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

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
