import type { JsonValue, RunState } from '@skein/domain';
import { parseExpression, parseReferences, renderTemplate } from '@skein/domain';
import type { KnownValues } from './known-values.ts';
import { missing, valueOf } from './known-values.ts';
import type { CurrentItem } from './resolve-references.ts';
import { resolveTarget } from './resolve-references.ts';

/** The value of an expression, without the braces; `absent` in the place of one that a handler refers to and that does not exist. */
export type Lookup = (expression: string, absent: null | '') => JsonValue;

/** A text with its references replaced; one that is exactly one reference keeps the type of its value. */
export const renderText = (text: string, lookup: Lookup): JsonValue => {
  const [first] = parseReferences(text);
  const whole = first !== undefined && first.start === 0 && first.end === text.length;
  return whole ? lookup(first.expression, null) : renderPlain(text, lookup);
};

/** The same, as a text whatever it refers to. */
export const renderPlain = (text: string, lookup: Lookup): string =>
  renderTemplate(text, (expression) => lookup(expression, ''));

/** A written value with the references in all its texts replaced; keys are taken as they are. */
export const renderValue = (value: JsonValue, lookup: Lookup): JsonValue => {
  if (typeof value === 'string') return renderText(value, lookup);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((one) => renderValue(one, lookup));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, renderValue(one, lookup)]));
};

/** Whose references are rendered, and on what. */
export interface RenderScope {
  readonly state: RunState;
  readonly item: CurrentItem | undefined;
  /** In a handler, what does not exist is null, and in a longer text nothing. */
  readonly lenient: boolean;
}

/** Renders with the values of a run; `missing` when some must be fetched first. Throws `invalid_argument` for what cannot be resolved. */
export const renderWith = <T>(
  { state, item, lenient }: RenderScope,
  known: KnownValues,
  render: (lookup: Lookup) => T,
): T | typeof missing => {
  let complete = true;
  const rendered = render((expression, absent) => {
    const found = resolveTarget(state, { expression, target: parseExpression(expression) }, item, known, lenient);
    const value = found === missing || found === undefined ? found : valueOf(found, known);
    if (value === missing) complete = false;
    return value === missing ? null : (value ?? absent);
  });
  return complete ? rendered : missing;
};
