import type { Step, StepAction } from '../dag/step.ts';
import { parseReferences } from './parse-references.ts';
import type { Reference } from './reference.ts';
import { stringsOf } from './render-value.ts';

/** One text of a step that may hold references: where it is in the step value, and who reads it. */
export interface StepText {
  readonly path: readonly (string | number)[];
  readonly text: string;
  /** `shell` text is compiled, so that a value is never program text; a `template` is rendered. */
  readonly reader: 'shell' | 'template';
}

/** All texts of a step that may hold references, in the order of the step's fields. */
export const textsOfStep = (step: Step): readonly StepText[] => {
  const texts = [...textsOfAction(step.action)];
  if (step.workingDir !== undefined) texts.push(template(['workingDir'], step.workingDir));
  step.env.forEach((entry, index) => texts.push(template(['env', index, 'value'], entry.value)));
  step.preconditions.forEach((precondition, index) => {
    const path = ['preconditions', index, 'condition'];
    if (precondition.expected === undefined) texts.push({ path, text: precondition.condition, reader: 'shell' });
    else {
      texts.push(template(path, precondition.condition));
      texts.push(template(['preconditions', index, 'expected'], precondition.expected));
    }
  });
  if (typeof step.foreach?.items === 'string') texts.push(template(['foreach', 'items'], step.foreach.items));
  return texts;
};

/** Every reference in every text of the step; positions are those inside the single text. Repeated expressions come repeatedly. */
export const referencesOfStep = (step: Step): readonly Reference[] =>
  textsOfStep(step).flatMap(({ text }) => parseReferences(text));

const textsOfAction = (action: StepAction): readonly StepText[] => {
  switch (action.kind) {
    case 'shell':
      return action.commands.map((text, index) => ({ path: ['action', 'commands', index], text, reader: 'shell' }));
    case 'script':
      return [{ path: ['action', 'script'], text: action.script, reader: 'shell' }];
    case 'exec':
      return action.argv.map((text, index) => template(['action', 'argv', index], text));
    case 'agent':
      return [template(['action', 'prompt'], action.prompt)];
    case 'call':
      return [
        template(['action', 'dag'], action.dag),
        ...stringsOf({ ...action.params }).map(({ path, text }) => template(['action', 'params', ...path], text)),
      ];
    case 'approval':
      return [template(['action', 'prompt'], action.prompt)];
    case 'wait':
      return action.until === undefined ? [] : [template(['action', 'until'], action.until)];
    case 'http':
      return [
        template(['action', 'url'], action.url),
        ...Object.entries(action.headers).map(([name, text]) => template(['action', 'headers', name], text)),
        ...stringsOf(action.body ?? null).map(({ path, text }) => template(['action', 'body', ...path], text)),
      ];
    case 'noop':
      return [];
  }
};

const template = (path: readonly (string | number)[], text: string): StepText => ({ path, text, reader: 'template' });
