import { isName } from '../identity/ids.ts';
import { handlerRunFields, type Reference, type ReferenceTarget, runFields } from './reference.ts';

/**
 * Every reference of a text, in order. `${NAME}`, `${NAME:-x}`, `$NAME` and `$(…)` are the shell's own and are no references;
 * `$${` is an escape and hides what follows. Never throws: a malformed reference has the target `invalid`.
 */
export const parseReferences = (text: string): readonly Reference[] => {
  const found: Reference[] = [];
  let at = text.indexOf('${');
  while (at !== -1) {
    const reference = isEscaped(text, at) ? undefined : referenceAt(text, at);
    if (reference !== undefined) found.push(reference);
    at = text.indexOf('${', reference?.end ?? at + 2);
  }
  return found;
};

/** True when the `${` at this position is written `$${`. In `\$${` the shell takes the first dollar sign for itself: no escape. */
export const isEscaped = (text: string, at: number): boolean => text[at - 1] === '$' && text[at - 2] !== '\\';

/** `item` alone, or one of the four words before a dot; anything else between braces belongs to the shell. */
const opening = /\$\{(?:item(?:@file)?\}|(?:params|env|steps|run|item)\.)/y;

const closing = /[}\n]/g;

/** The reference that starts at the `${` at this position, or undefined when it is the shell's. Does not look for an escape. */
export const referenceAt = (text: string, at: number): Reference | undefined => {
  opening.lastIndex = at;
  if (!opening.test(text)) return undefined;
  closing.lastIndex = at;
  const close = closing.exec(text)?.index ?? text.length;
  if (text[close] !== '}') {
    const target = invalid('the closing } is missing');
    return { expression: text.slice(at + 2, close), start: at, end: close, target, asFile: false };
  }
  const end = close + 1;
  const inner = text.slice(at + 2, end - 1);
  const asFile = inner.endsWith('@file');
  const expression = asFile ? inner.slice(0, -'@file'.length) : inner;
  return { expression, start: at, end, target: parseExpression(expression), asFile };
};

/** The target that an expression (the text between the braces, without `@file`) names. */
export const parseExpression = (expression: string): ReferenceTarget => {
  const dot = expression.indexOf('.');
  const root = dot === -1 ? expression : expression.slice(0, dot);
  const rest = dot === -1 ? '' : expression.slice(dot + 1);
  switch (root) {
    case 'params':
      return isName(rest) ? { kind: 'param', name: rest } : invalid(`"${rest}" is no parameter name`);
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)
        ? { kind: 'env', name: rest }
        : invalid(`"${rest}" is no environment variable name`);
    case 'run':
      return runFields.includes(rest) || handlerRunFields.includes(rest)
        ? { kind: 'run', field: rest }
        : invalid(`a run has no "${rest}" to refer to; there is ${runFields.join(', ')}`);
    case 'item':
      return parseItem(dot === -1 ? [] : rest.split('.'));
    case 'steps':
      return parseStepExpression(rest);
    default:
      return invalid(`a reference begins with params, env, steps, run or item, not with "${root}"`);
  }
};

const parseItem = (path: readonly string[]): ReferenceTarget =>
  path.every(isSegment) ? { kind: 'item', path } : invalid('a path inside an item is names with dots between');

/** Step ids may hold dots, so the first `.outputs.`, final `.stdout` or final `.exit_code` ends the id. */
const parseStepExpression = (rest: string): ReferenceTarget => {
  const simple = /^(.+)\.(stdout|exit_code)$/.exec(rest);
  const output = /^(.+?)\.outputs\.(.+)$/.exec(rest);
  const stepId = output?.[1] ?? simple?.[1];
  if (stepId === undefined || !isName(stepId)) {
    return invalid('a step reference is steps.ID.outputs.NAME, steps.ID.stdout or steps.ID.exit_code');
  }
  if (output === null) return { kind: simple?.[2] === 'stdout' ? 'step_stdout' : 'step_exit_code', stepId };
  const [name = '', ...path] = (output[2] ?? '').split('.');
  return isSegment(name) && path.every(isSegment)
    ? { kind: 'step_output', stepId, name, path }
    : invalid('a path inside an output is names with dots between');
};

const isSegment = (segment: string): boolean => /^[A-Za-z0-9_-]+$/.test(segment);

const invalid = (reason: string): ReferenceTarget => ({ kind: 'invalid', reason });
