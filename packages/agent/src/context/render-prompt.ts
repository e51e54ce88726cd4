import { DomainError, type JsonValue, parseReferences, referenceText, renderTemplate, type Step } from '@skein/domain';
import type { TaskInputs } from '@skein/ports';

/** Stores a value that the prompt wants as a file, and returns its path relative to the private directory. */
export type StoreInput = (index: number, text: string, isJson: boolean) => Promise<string>;

type Lookup = (expression: string) => JsonValue;

/** The prompt with its references replaced; one with `@file` becomes the path of a file that holds the value. */
export const renderPrompt = async (
  prompt: string,
  step: Step,
  inputs: TaskInputs,
  storeInput: StoreInput,
): Promise<string> => {
  const lookup = createLookup(step, inputs);
  let rendered = '';
  let from = 0;
  let files = 0;
  for (const reference of parseReferences(prompt)) {
    if (!reference.asFile) continue;
    const value = lookup(reference.expression);
    files += 1;
    rendered += renderTemplate(prompt.slice(from, reference.start), lookup);
    rendered += await storeInput(files, referenceText(value), typeof value !== 'string');
    from = reference.end;
  }
  return rendered + renderTemplate(prompt.slice(from), lookup);
};

/** Values of the offer; `env.X` from what upstream steps gave and the step's own entries, an unknown one is empty as in a shell. */
const createLookup = (step: Step, inputs: TaskInputs): Lookup => {
  const given: Lookup = (expression) => {
    const value = Object.hasOwn(inputs.refs, expression) ? inputs.refs[expression] : undefined;
    if (value !== undefined) return value;
    if (expression === 'item' && inputs.item !== undefined) return inputs.item.value;
    throw new DomainError('invalid_argument', `the task has no value for the reference \${${expression}}`);
  };
  let environment: ReadonlyMap<string, string> | undefined;
  return (expression) => {
    if (!expression.startsWith('env.') || Object.hasOwn(inputs.refs, expression)) return given(expression);
    environment ??= environmentOf(step, inputs, given);
    return environment.get(expression.slice('env.'.length)) ?? '';
  };
};

/** The step's environment as its processes would see it: entries apply in order and may use `$NAME` of what stands before them. */
const environmentOf = (step: Step, inputs: TaskInputs, given: Lookup): ReadonlyMap<string, string> => {
  const known = new Map(Object.entries(inputs.upstreamEnv).map(([name, value]) => [name, referenceText(value)]));
  const literal = (text: string) =>
    text.replace(/\$\$\{|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g, (written, braced?: string, bare?: string) =>
      written === '$${' ? '${' : (known.get(braced ?? bare ?? '') ?? written),
    );
  for (const { name, value } of step.env) {
    let text = '';
    let from = 0;
    for (const { expression, start, end } of parseReferences(value)) {
      text += literal(value.slice(from, start));
      text += expression.startsWith('env.') ? (known.get(expression.slice(4)) ?? '') : referenceText(given(expression));
      from = end;
    }
    known.set(name, text + literal(value.slice(from)));
  }
  return known;
};
