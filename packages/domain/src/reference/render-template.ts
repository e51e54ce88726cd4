import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';
import { isEscaped, parseReferences } from './parse-references.ts';

/** The text form of a referenced value: a string as it is, anything else as canonical JSON. */
export const referenceText = (value: JsonValue): string => (typeof value === 'string' ? value : canonicalJson(value));

/**
 * The text with every reference replaced by its value and every `$${` by `${`. `lookup` gets the expression without `@file`;
 * what it throws goes to the caller. Values are not searched again, so a value that looks like a reference stays as it is.
 */
export const renderTemplate = (text: string, lookup: (expression: string) => JsonValue): string => {
  let rendered = '';
  let from = 0;
  for (const reference of parseReferences(text)) {
    rendered += unescape(text, from, reference.start) + referenceText(lookup(reference.expression));
    from = reference.end;
  }
  return rendered + unescape(text, from, text.length);
};

const unescape = (text: string, from: number, to: number): string => {
  let plain = '';
  let start = from;
  for (let at = text.indexOf('${', from); at !== -1 && at < to; at = text.indexOf('${', at + 2)) {
    if (at === from || !isEscaped(text, at)) continue;
    plain += text.slice(start, at - 1);
    start = at;
  }
  return plain + text.slice(start, to);
};
