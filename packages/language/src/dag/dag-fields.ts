import { list, mapOf } from '../shape/collections.ts';
import { type RecordValue, record } from '../shape/record.ts';
import { quoted, seconds, text, word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import { envShape } from './env-fields.ts';
import { handlersShape } from './handler-fields.ts';
import { laterDagFields } from './later-words.ts';
import { paramsShape } from './param-fields.ts';
import { routingShape } from './routing-fields.ts';
import { scheduleShape } from './schedule-fields.ts';
import { secretsShape } from './secret-fields.ts';
import { defaultsRecord, selectorShape, shellShape } from './step-fields.ts';
import { stepsShape } from './steps-shape.ts';

type Labels = readonly (readonly [string, string])[];

const labelLine: Shape<readonly [string, string]> = mapped(text('NAME=value'), (line, node, source) => {
  const at = line.indexOf('=');
  if (at > 0) return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const;
  source.report(node, { message: `${quoted(line)} is not a label`, expected: 'NAME=value' });
  return undefined;
});

/** `{team: data}` or `[team=data]`. */
const labelsShape: Shape<Labels> = byKind<Labels>('a map, or a list of NAME=value', {
  map: mapOf(text('the value of a label')),
  list: list(labelLine, 'a list of NAME=value'),
});

const dagOutputsShape: Shape<Labels> = mapped(mapOf(text('a text'), 'a map of NAME: text'), (outputs, node, source) =>
  outputs.filter(([name]) => {
    if (/^[A-Za-z0-9_-]{1,64}$/.test(name)) return true;
    const spot = node.kind === 'map' ? node.entries.find(({ key }) => key === name)?.keySpot : undefined;
    source.report(spot ?? node, {
      message: `${quoted(name)} is not the name of an output`,
      expected: 'at most 64 letters, digits, _ or -',
    });
    return false;
  }),
);

const dagFields = {
  name: { shape: text('a DAG name'), about: 'Name of the DAG; the file name when absent.' },
  description: { shape: text(), about: 'For people.' },
  labels: { shape: labelsShape, about: 'Labels to find the DAG by.' },
  type: { shape: word(['graph', 'chain']), about: 'graph: order from depends. chain: in the order of the file.' },
  params: { shape: paramsShape, about: 'Parameters of a run.' },
  env: { shape: envShape, about: 'Environment variables of all steps.' },
  schedule: { shape: scheduleShape, about: 'When runs start by themselves.' },
  working_dir: { shape: text('a folder'), about: 'Folder in which steps run.' },
  shell: { shape: shellShape, about: 'Program that runs commands and scripts.' },
  routing: { shape: routingShape, about: 'By what a rollout chooses the version of an agent for a run.' },
  timeout_sec: { shape: seconds(), about: 'Seconds that a run may take; 0 is no limit.' },
  worker_selector: { shape: selectorShape, about: 'Labels that workers must have.' },
  secrets: { shape: secretsShape, about: 'Secrets of all steps that run programs.' },
  outputs: { shape: dagOutputsShape, about: 'What a caller of this DAG gets back: texts, with references.' },
  handler_on: { shape: handlersShape, about: 'Steps that run around a run rather than in its graph.' },
  defaults: { shape: defaultsRecord, about: 'Values for the fields that a step does not set.' },
  steps: { shape: stepsShape, about: 'What is to be done: a list, or a map by id.', required: true },
} as const;

/** A DAG as it was read. */
export type DagFields = RecordValue<typeof dagFields>;

/** The table of a DAG document. */
export const dagRecord: Shape<DagFields> = record({ noun: 'a DAG', fields: dagFields, later: laterDagFields });
