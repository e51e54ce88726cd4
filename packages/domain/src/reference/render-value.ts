import type { JsonValue } from '../json/json-value.ts';
import { parseReferences } from './parse-references.ts';
import type { Reference } from './reference.ts';
import { renderTemplate } from './render-template.ts';

/** The reference that a text is, from its first to its last character; undefined when it is more, or less, than one. */
export const wholeReference = (text: string): Reference | undefined => {
  const [reference, ...more] = parseReferences(text);
  const whole = reference?.start === 0 && reference.end === text.length && more.length === 0;
  return whole ? reference : undefined;
};

/**
 * A value with every reference in its strings replaced, as `renderTemplate` does; a string that is exactly one reference becomes the
 * value itself and keeps its type, unless it is wanted as a file. Names of members are taken as they are. What `lookup` throws goes to
 * the caller.
 */
export const renderValue = (value: JsonValue, lookup: (expression: string) => JsonValue): JsonValue => {
  if (typeof value === 'string') {
    const whole = wholeReference(value);
    return whole === undefined || whole.asFile ? renderTemplate(value, lookup) : lookup(whole.expression);
  }
  if (Array.isArray(value)) return value.map((item) => renderValue(item, lookup));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, renderValue(inner, lookup)]));
};

/** Every string in a value, with its path; for walks over what `renderValue` would read. */
export const stringsOf = (
  value: JsonValue,
  path: readonly (string | number)[] = [],
): readonly { readonly path: readonly (string | number)[]; readonly text: string }[] => {
  if (typeof value === 'string') return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((item, index) => stringsOf(item, [...path, index]));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, inner]) => stringsOf(inner, [...path, name]));
};
