import type { Dag } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { buildHandlers } from './build-handlers.ts';
import { buildStep, idsByWord, nameStep, type StepContext } from './build-step.ts';
import type { DagFields } from './dag-fields.ts';
import { createPlaces, type Places } from './places.ts';

/** The value that a file means, and where its parts stand in the file. */
export interface BuiltDag {
  readonly dag: Dag;
  readonly places: Places;
}

/** Fills in all defaults. `fallbackName` names a DAG without `name`. */
export const buildDag = (fields: DagFields, fallbackName: string, source: SourceText): BuiltDag => {
  const { values, nodes } = fields;
  const places = createPlaces();
  const rawSteps = values.steps ?? [];
  const type = values.type ?? (rawSteps.some((step) => step.nodes.depends !== undefined) ? 'graph' : 'chain');
  const names = rawSteps.map(nameStep);
  const context: StepContext = {
    dag: fields,
    defaults: values.defaults,
    names,
    idByWord: idsByWord(names),
    chain: type === 'chain',
    places,
    source,
  };
  places.put([], fields.node);
  places.put(['name'], nodes.name);
  places.put(['steps'], nodes.steps);
  places.put(['schedule'], nodes.schedule);
  values.params?.forEach((param, index) => places.put(['params', index], param.node));
  values.env?.forEach((variable, index) => places.put(['env', index], variable.node));
  places.put(['outputs'], nodes.outputs);
  places.put(['handlers'], nodes.handler_on);
  const timeoutMs = values.timeout_sec ?? 0;
  const steps = rawSteps.map((step, index) => buildStep(step, index, context));
  const handlers = buildHandlers(context);
  const dag: Dag = {
    languageVersion: 1,
    name: values.name ?? fallbackName,
    ...(values.description === undefined ? {} : { description: values.description }),
    labels: Object.fromEntries(values.labels ?? []),
    ...(values.routing === undefined ? {} : { routing: values.routing }),
    type,
    params: (values.params ?? []).map(({ param }) => param),
    env: (values.env ?? []).map(({ entry }) => entry),
    schedule: values.schedule ?? [],
    ...(timeoutMs === 0 ? {} : { timeoutMs }),
    steps,
    ...(handlers === undefined ? {} : { handlers }),
    ...(values.outputs === undefined ? {} : { outputs: Object.fromEntries(values.outputs) }),
  };
  return { dag, places };
};
