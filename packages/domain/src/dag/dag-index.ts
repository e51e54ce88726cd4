import type { StepId } from '../identity/ids.ts';
import type { Dag } from './dag.ts';
import { handlerNames } from './dag.ts';
import type { Step } from './step.ts';

/** Look-ups over a DAG's steps, made once per DAG. */
export interface DagIndex {
  /** Steps of the graph, and the handlers under `@name`. */
  readonly byId: ReadonlyMap<StepId, Step>;
  /** Place of a step in the author's order; handlers follow the graph. */
  readonly order: ReadonlyMap<StepId, number>;
  /** Of steps of the graph; nothing depends on a handler. */
  readonly dependants: ReadonlyMap<StepId, readonly StepId[]>;
}

/** The handlers of a DAG, in the order in which they may run. */
export const handlersOf = (dag: Dag): readonly Step[] =>
  handlerNames.flatMap((name) => {
    const step = dag.handlers?.[name];
    return step === undefined ? [] : [step];
  });

/** Builds the look-ups of a valid DAG. */
export const indexDag = (dag: Dag): DagIndex => {
  const byId = new Map<StepId, Step>();
  const order = new Map<StepId, number>();
  const dependants = new Map<StepId, StepId[]>();
  dag.steps.forEach((step, place) => {
    byId.set(step.id, step);
    order.set(step.id, place);
    dependants.set(step.id, []);
  });
  for (const step of dag.steps) {
    for (const dependency of step.depends) dependants.get(dependency)?.push(step.id);
  }
  for (const step of handlersOf(dag)) {
    byId.set(step.id, step);
    order.set(step.id, order.size);
  }
  return { byId, order, dependants };
};
