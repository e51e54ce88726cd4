import { list, mapOf } from '../shape/collections.ts';
import { type RecordValue, record } from '../shape/record.ts';
import { quoted, seconds, text, word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import { envShape } from './env-fields.ts';
import { laterDagFields } from './later-words.ts';
import { paramsShape } from './param-fields.ts';
import { scheduleShape } from './schedule-fields.ts';
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
  timeout_sec: { shape: seconds(), about: 'Seconds that a run may take; 0 is no limit.' },
  worker_selector: { shape: selectorShape, about: 'Labels that workers must have.' },
  defaults: { shape: defaultsRecord, about: 'Values for the fields that a step does not set.' },
  steps: { shape: stepsShape, about: 'What is to be done: a list, or a map by id.', required: true },
} as const;

/** A DAG as it was read. */
export type DagFields = RecordValue<typeof dagFields>;

/** The table of a DAG document. */
export const dagRecord: Shape<DagFields> = record({ noun: 'a DAG', fields: dagFields, later: laterDagFields });
