import {
  DomainError,
  type EnvEntry,
  type JsonValue,
  parseReferences,
  referenceText,
  renderTemplate,
  type Step,
} from '@skein/domain';
import type { TaskInputs } from '@skein/ports';

/** Stores a value that the prompt wants as a file, and returns its path relative to the private directory. */
export type StoreInput = (index: number, text: string, isJson: boolean) => Promise<string>;

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

/** Values of the offer first; `env.X` from the step's own environment, in which later entries win. */
const createLookup = (step: Step, inputs: TaskInputs): ((expression: string) => JsonValue) => {
  const lookup = (expression: string): JsonValue => {
    const given = Object.hasOwn(inputs.refs, expression) ? inputs.refs[expression] : undefined;
    if (given !== undefined) return given;
    if (expression === 'item' && inputs.item !== undefined) return inputs.item.value;
    if (expression.startsWith('env.')) return environmentValue(step.env, inputs, expression.slice(4), lookup);
    throw new DomainError('invalid_argument', `the task has no value for the reference \${${expression}}`);
  };
  return lookup;
};

const environmentValue = (
  entries: readonly EnvEntry[],
  inputs: TaskInputs,
  name: string,
  lookup: (expression: string) => JsonValue,
): JsonValue => {
  const at = entries.findLastIndex((entry) => entry.name === name);
  const entry = entries[at];
  if (entry !== undefined) {
    // An entry sees only what stands before it, so that it may extend its own name.
    const earlier = entries.slice(0, at);
    return renderTemplate(entry.value, (expression) =>
      expression.startsWith('env.')
        ? environmentValue(earlier, inputs, expression.slice(4), lookup)
        : lookup(expression),
    );
  }
  const upstream = Object.hasOwn(inputs.upstreamEnv, name) ? inputs.upstreamEnv[name] : undefined;
  if (upstream !== undefined) return upstream;
  throw new DomainError('invalid_argument', `the environment of the step has no ${name}`);
};
