import type { Foreach, JsonValue, OutputDef } from '@skein/domain';
import { list, mapOf, oneOrMore } from '../shape/collections.ts';
import { type RecordValue, record } from '../shape/record.ts';
import { flag, integer, json, seconds, text, word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape, wrongValue } from '../shape/shape.ts';
import { limitsShape, memoryShape, outputSchemaShape } from './agent-fields.ts';
import { callParamsShape, choicesShape } from './call-fields.ts';
import { envNameShape, envShape } from './env-fields.ts';
import { httpRecord } from './http-fields.ts';
import { laterStepFields, laterStepTypes } from './later-words.ts';
import { valueTypes } from './param-fields.ts';
import { continueOnShape, preconditionsShape, retryPolicyShape } from './policy-fields.ts';
import { secretsShape } from './secret-fields.ts';
import { approvalRecord, waitRecord } from './wait-fields.ts';

/** Every declared output must be given; saying so is allowed, the contrary is not. */
const alwaysRequired: Shape<boolean> = mapped(flag, (required, node, source) => {
  if (!required)
    source.report(node, { message: 'a declared output is always required', expected: 'true, or no required' });
  return required;
});

const outputFields = {
  type: { shape: word(valueTypes), about: 'Type of the value; any when absent.' },
  required: { shape: alwaysRequired, about: 'A declared output must be given; true is the only value.' },
  description: { shape: text(), about: 'For people.' },
} as const;
const outputName: Shape<string> = text('the name of an output');
const namedOutput = record({
  noun: 'an output',
  fields: { name: { shape: outputName, about: 'Name of the output.', required: true }, ...outputFields },
});
const outputBody = record({ noun: 'an output', fields: outputFields });

const toOutput = (
  name: string,
  values: { readonly type?: OutputDef['type']; readonly description?: string } = {},
): OutputDef => ({
  name,
  type: values.type ?? 'any',
  ...(values.description === undefined ? {} : { description: values.description }),
});

/** Declared outputs: `[a, b]`, `[{name, type}]`, `{a: integer}` or `{a: {type}}`. */
const outputsShape: Shape<readonly OutputDef[]> = byKind<readonly OutputDef[]>('a list or a map of outputs', {
  list: list(
    byKind<OutputDef>('a name, or a map with name and type', {
      scalar: mapped(outputName, (value) => toOutput(value)),
      map: mapped(namedOutput, ({ values }) => (values.name === undefined ? undefined : toOutput(values.name, values))),
    }),
  ),
  map: mapped(
    mapOf(
      byKind<Omit<OutputDef, 'name'>>('a type, or a map with type and description', {
        scalar: mapped(word(valueTypes), (type) => ({ type })),
        map: mapped(outputBody, ({ values }) => toOutput('', values)),
      }),
    ),
    (pairs) => pairs.map(([key, value]) => ({ ...value, name: key })),
  ),
});

/** At most this many items at once unless the step says otherwise; the fleet's slots bound it further. */
const defaultMaxConcurrent = 1_000;

const itemsReference: Shape<string> = text('a list, or one ${…} reference to a list');

const items = byKind<readonly JsonValue[] | string>('a list, or one ${…} reference to a list', {
  scalar: itemsReference,
  list: list(json),
});

/** Items of a fan-out. */
const foreachShape: Shape<Foreach> = byKind<Foreach>(
  'a list, a ${…} reference, or a map with items and max_concurrent',
  {
    scalar: mapped(itemsReference, (value) => ({ items: value, maxConcurrent: defaultMaxConcurrent })),
    list: mapped(list(json), (value) => ({ items: value, maxConcurrent: defaultMaxConcurrent })),
    map: mapped(
      record({
        noun: 'a fan-out',
        fields: {
          items: { shape: items, about: 'The items, or a reference to a list.', required: true },
          max_concurrent: {
            shape: integer({ min: 1, max: 10_000 }),
            about: 'Items at work at once; 1000 when absent.',
          },
        },
        later: ['matrix'],
      }),
      ({ values }) =>
        values.items === undefined
          ? undefined
          : { items: values.items, maxConcurrent: values.max_concurrent ?? defaultMaxConcurrent },
    ),
  },
);

const commandLines = oneOrMore(text('a command'), 'a command or a list of commands');

/** A program with its arguments: a list, or words with spaces between. */
export const shellShape: Shape<readonly string[]> = byKind<readonly string[]>(
  'a program, as text or as a list of words',
  {
    scalar: mapped(text('a program'), (value, node, source) => {
      const words = value.trim().split(/\s+/);
      return words[0] === '' ? wrongValue(node, source, 'a program') : words;
    }),
    list: list(text('a word'), 'a list of words', 1),
  },
);

/** Labels that a worker must have. */
export const selectorShape: Shape<{ readonly [label: string]: string }> = mapped(
  mapOf(text('the value of a label'), 'a map of labels'),
  (pairs) => Object.fromEntries(pairs),
);

/** Fields that make sense as defaults for all steps of a DAG. */
const sharedFields = {
  shell: { shape: shellShape, about: 'Program that runs commands and scripts, with its flags.' },
  working_dir: { shape: text('a folder'), about: 'Folder in which the step runs.', aliases: ['dir'] },
  env: { shape: envShape, about: 'Environment variables.' },
  preconditions: {
    shape: preconditionsShape,
    about: 'Conditions that must hold, else the step is skipped.',
    aliases: ['precondition'],
  },
  continue_on: { shape: continueOnShape, about: 'What lets the run go on without this step.' },
  retry_policy: { shape: retryPolicyShape, about: 'Further attempts after a failure.' },
  timeout_sec: { shape: seconds(), about: 'Seconds that an attempt may take; 0 is no limit.' },
  worker_selector: { shape: selectorShape, about: 'Labels that the worker must have.' },
  repeat_safe: { shape: flag, about: 'May start again before the old worker is known to be gone.' },
  on_worker_loss: { shape: word(['retry', 'fail']), about: 'What happens when the worker is lost; retry when absent.' },
  agent: { shape: text('the id of an agent'), about: 'Agent of an agent step: ID, or ID@VERSION.' },
  limits: { shape: limitsShape, about: 'Limits of an agent step.' },
  memory: { shape: memoryShape, about: 'Memory of an agent step.' },
  output_schema: { shape: outputSchemaShape, about: 'JSON Schema of what an agent step gives.' },
} as const;

const stepFields = {
  id: { shape: text('a step id'), about: 'Id of the step; made from name, else from its position, when absent.' },
  name: { shape: text(), about: 'Name for people.' },
  description: { shape: text(), about: 'For people.' },
  type: {
    shape: word(['command', 'shell', 'agent', 'dag', 'wait', 'approval', 'http', 'noop'], laterStepTypes),
    about: 'Kind of step; taken from its other fields when absent.',
  },
  depends: {
    shape: oneOrMore(text('the id of a step'), 'the id of a step, or a list of them'),
    about: 'Steps that must be done first.',
  },
  command: { shape: commandLines, about: 'Shell command, or several that run in order.', aliases: ['run'] },
  exec: {
    shape: list(text('an argument'), 'a program and its arguments, as a list', 1),
    about: 'One program with arguments, without a shell.',
  },
  script: { shape: text('a program text'), about: 'Program of several lines; its #! line is honoured.' },
  prompt: { shape: text(), about: 'What an agent step is asked.' },
  output: { shape: envNameShape, about: 'Environment variable in which dependants see the output.' },
  outputs: { shape: outputsShape, about: 'Named outputs that the step must give.' },
  foreach: { shape: foreachShape, about: 'Run the step once per item.', aliases: ['parallel'] },
  call: {
    shape: text('the name of a DAG'),
    about: 'Runs another DAG as a run of its own: its name, or a text with references and choices beside it.',
  },
  http: { shape: httpRecord, about: 'One HTTP request; its outputs are status, headers and body.' },
  wait: {
    shape: waitRecord,
    about: 'Goes on after a time, at an instant, or with a message; holds no slot meanwhile.',
  },
  approval: { shape: approvalRecord, about: 'Goes on when a person approves; holds no slot meanwhile.' },
  choices: { shape: choicesShape, about: 'Every name that call may become, when it holds references.' },
  params: {
    shape: callParamsShape,
    about: 'Parameters of the DAG that is called; of a wait or an approval, what it waits for.',
    aliases: ['with'],
  },
  no_progress_timeout_sec: {
    shape: seconds(),
    about: 'An attempt without any sign of progress for so long fails; 0 is no limit. 900 for agents when absent.',
  },
  secrets: { shape: secretsShape, about: 'Secrets of this step, in place of those of the DAG.' },
  ...sharedFields,
} as const;

/** A step as it was read. */
export type StepFields = RecordValue<typeof stepFields>;
/** The defaults of a DAG as they were read. */
export type DefaultFields = RecordValue<typeof sharedFields>;

/** The table of a step. */
export const stepRecord: Shape<StepFields> = record({ noun: 'a step', fields: stepFields, later: laterStepFields });

/** The table of `defaults`. */
export const defaultsRecord: Shape<DefaultFields> = record({
  noun: 'defaults',
  fields: sharedFields,
  later: laterStepFields,
});
