import { open } from 'node:fs/promises';
import {
  coerceValue,
  DomainError,
  describeType,
  type JsonObject,
  type JsonValue,
  maxOutputsBytes,
  type OutputDef,
} from '@skein/domain';

/**
 * The outputs that a step wrote to its `$SKEIN_OUTPUT` file: one JSON object, or `NAME=value` lines. No file means no outputs.
 * Throws `too_large` over 4 MiB, `invalid_argument` for anything else than these two forms.
 */
export const readOutputs = async (path: string): Promise<JsonObject> => {
  const text = await readBounded(path);
  const trimmed = text.trim();
  if (trimmed === '') return {};
  return trimmed.startsWith('{') ? parseObject(trimmed) : parseLines(text);
};

/** Declared outputs are required and typed; others stay as they were written. Throws `invalid_argument` with every problem. */
export const applyDeclaredOutputs = (declared: readonly OutputDef[], written: JsonObject): JsonObject => {
  const problems: { message: string; field: string; expected: string }[] = [];
  const typed = new Map<string, JsonValue>(Object.entries(written));
  for (const { name, type } of declared) {
    const value = typed.get(name);
    const given = value === undefined ? undefined : type === 'any' ? anyValue(value) : coerceValue(type, value);
    if (given !== undefined) typed.set(name, given);
    else {
      const message = value === undefined ? `the output "${name}" is missing` : `the output "${name}" has another type`;
      problems.push({ message, field: `outputs.${name}`, expected: describeType(type) });
    }
  }
  const [first] = problems;
  if (first === undefined) return Object.fromEntries(typed);
  throw new DomainError('invalid_argument', `${first.message} (expected ${first.expected})`, { problems });
};

const readBounded = async (path: string): Promise<string> => {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    if (size > maxOutputsBytes) {
      const details = { limit: maxOutputsBytes, actual: size };
      throw new DomainError('too_large', 'the outputs that the step wrote are too large', details);
    }
    const buffer = Buffer.alloc(size);
    const { bytesRead } = await file.read(buffer, 0, size, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
};

const parseObject = (text: string): JsonObject => {
  try {
    const value = JSON.parse(text) as JsonValue;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return checkNames(Object.entries(value));
  } catch (error) {
    throw new DomainError('invalid_argument', 'the outputs that the step wrote are not valid JSON', {}, error);
  }
  throw new DomainError('invalid_argument', 'the outputs that the step wrote are not one JSON object');
};

const parseLines = (text: string): JsonObject => {
  const entries: [string, JsonValue][] = [];
  text.split('\n').forEach((written, index) => {
    const line = written.replace(/\r$/, '');
    if (line.trim() === '') return;
    const equals = line.indexOf('=');
    if (equals <= 0) {
      const problem = { message: 'expected NAME=value', line: index + 1 };
      throw new DomainError('invalid_argument', `line ${index + 1} of $SKEIN_OUTPUT is not NAME=value`, {
        problems: [problem],
      });
    }
    entries.push([line.slice(0, equals).trim(), line.slice(equals + 1)]);
  });
  return checkNames(entries);
};

const checkNames = (entries: readonly (readonly [string, JsonValue])[]): JsonObject => {
  const wrong = entries.find(([name]) => !/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/.test(name) || name === '__proto__');
  if (wrong === undefined) return Object.fromEntries(entries);
  throw new DomainError('invalid_argument', `"${wrong[0].slice(0, 128)}" cannot name an output`);
};

/** An output of any type that came as text is JSON if it reads as JSON. */
const anyValue = (value: JsonValue): JsonValue => {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as JsonValue;
  } catch {
    return value;
  }
};
