import type { JsonObject, JsonValue } from '@skein/domain';
import { rankSentences } from './rank-sentences.ts';
import { textOf } from './select-values.ts';

/** Where a guess may look. */
export interface SchemaSource {
  readonly text: string;
  readonly data: { readonly [name: string]: JsonValue };
  /** The list element that is being described, when there is one. */
  readonly item?: JsonValue;
  /** How deep inside the schema; a schema that refers to itself ends at 8. */
  readonly depth?: number;
}

/**
 * The last resort, for a prompt without a declared task: a value of the schema, filled from what the prompt plainly says
 * (`name: value`, an enum word, a number, a list of objects with the same field names), else the schema's simplest value.
 */
export const fillSchema = (schema: JsonValue, within: SchemaSource, name = '', root: JsonValue = schema): JsonValue => {
  const source = { ...within, depth: (within.depth ?? 0) + 1 };
  if (source.depth > 8) return null;
  const spec = resolve(schema, root);
  if (spec['const'] !== undefined) return spec['const'];
  const same = sameName(source, name);
  if (Array.isArray(spec['enum'])) return enumValue(spec['enum'], same, source.text) ?? spec['default'] ?? null;
  switch (typeOf(spec)) {
    case 'object':
      return Object.fromEntries(
        Object.entries((spec['properties'] ?? {}) as JsonObject).map(([property, inner]) => [
          property,
          fillSchema(inner, source, property, root),
        ]),
      );
    case 'array':
      return arrayValue(spec, source, name, root);
    case 'integer':
    case 'number':
      return numberValue(spec, same ?? labelled(source.text, name) ?? source.text);
    case 'boolean':
      return /^(true|yes|on)\b/i.test(textOf(same ?? labelled(source.text, name) ?? ''));
    case 'null':
      return null;
    default:
      return stringValue(spec, textOf(same ?? labelled(source.text, name) ?? '') || guess(source));
  }
};

const resolve = (schema: JsonValue, root: JsonValue, depth = 0): JsonObject => {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema) || depth > 16) return {};
  const ref = schema['$ref'];
  if (typeof ref === 'string' && ref.startsWith('#/')) {
    const target = ref
      .slice(2)
      .split('/')
      .reduce<JsonValue | undefined>((value, key) => (value as JsonObject | undefined)?.[key], root);
    return resolve(target ?? {}, root, depth + 1);
  }
  const choice = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(choice) ? resolve(choice[0] ?? {}, root, depth + 1) : schema;
};

const typeOf = (spec: JsonObject): string => {
  const { type } = spec;
  if (Array.isArray(type)) return textOf(type.find((each) => each !== 'null') ?? 'null');
  if (typeof type === 'string') return type;
  return spec['properties'] === undefined ? 'string' : 'object';
};

const sameName = (source: SchemaSource, name: string): JsonValue | undefined => {
  const { item } = source;
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined;
  return Object.hasOwn(item, name) ? item[name] : undefined;
};

const escaped = (text: string): string => text.replace(/[.*+?^$()[\]{}|\\]/g, '\\$&');

/** The rest of a line that begins with `name:` or `name=`. */
const labelled = (text: string, name: string): string | undefined => {
  if (name === '') return undefined;
  const spoken = escaped(name).replace(/[_-]/g, '[ _-]');
  return new RegExp(`(?:^|\\n)\\W*${spoken}\\W{0,2}[:=][ \\t]*([^\\n]+)`, 'i').exec(text)?.[1]?.trim();
};

const enumValue = (values: readonly JsonValue[], same: JsonValue | undefined, text: string): JsonValue | undefined => {
  if (same !== undefined && values.includes(same)) return same;
  const at = (value: JsonValue) => text.search(new RegExp(`(?<!\\w)${escaped(textOf(value))}(?!\\w)`, 'i'));
  const found = values.filter((value) => at(value) >= 0).toSorted((a, b) => at(a) - at(b));
  return found[0] ?? values[0];
};

const arrayValue = (spec: JsonObject, source: SchemaSource, name: string, root: JsonValue): JsonValue[] => {
  const inner = resolve(spec['items'] ?? {}, root);
  const list = listOf(source, name);
  const filled = list.map((item) =>
    typeOf(inner) === 'object'
      ? fillSchema(inner, { ...source, text: textOf(item), data: {}, item }, '', root)
      : fillSchema(inner, { ...source, text: textOf(item), data: {} }, '', root),
  );
  const min = typeof spec['minItems'] === 'number' ? spec['minItems'] : 0;
  while (filled.length < min) filled.push(fillSchema(inner, source, '', root));
  return filled.slice(0, typeof spec['maxItems'] === 'number' ? spec['maxItems'] : filled.length);
};

/** The data block of that name, else the only one, else a list in JSON inside the prompt, else its Markdown bullets. */
const listOf = (source: SchemaSource, name: string): readonly JsonValue[] => {
  const lists = Object.values(source.data).filter((value) => Array.isArray(value));
  const named = source.data[name];
  if (Array.isArray(named)) return named;
  if (lists[0] !== undefined) return lists[0];
  for (const line of source.text.split('\n')) {
    const start = line.indexOf('[');
    const end = line.lastIndexOf(']');
    if (start < 0 || end < start) continue;
    try {
      const parsed: unknown = JSON.parse(line.slice(start, end + 1));
      if (Array.isArray(parsed)) return parsed as JsonValue[];
    } catch {
      // Not JSON; look further.
    }
  }
  return [...source.text.matchAll(/^[ \t]*[-*] (.+)$/gm)].map((match) => match[1] ?? '');
};

const numberValue = (spec: JsonObject, found: JsonValue): number => {
  const read = Number(/-?\d+(?:\.\d+)?/.exec(textOf(found))?.[0] ?? 0);
  const low = typeof spec['minimum'] === 'number' ? spec['minimum'] : Number.NEGATIVE_INFINITY;
  const high = typeof spec['maximum'] === 'number' ? spec['maximum'] : Number.POSITIVE_INFINITY;
  const bounded = Math.min(high, Math.max(low, Number.isFinite(read) ? read : 0));
  return spec['type'] === 'integer' ? Math.round(bounded) : bounded;
};

const guess = (source: SchemaSource): string => rankSentences(source.text, 1)[0] ?? '';

const stringValue = (spec: JsonObject, text: string): string => {
  const max = typeof spec['maxLength'] === 'number' ? spec['maxLength'] : 2_000;
  const min = typeof spec['minLength'] === 'number' ? spec['minLength'] : 0;
  return Array.from(text).slice(0, max).join('').padEnd(min, '.');
};
