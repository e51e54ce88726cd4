import type { StepId } from '../identity/ids.ts';
import type { Dag } from './dag.ts';
import type { Step } from './step.ts';

/** Look-ups over a DAG's steps, made once per DAG. */
export interface DagIndex {
  readonly byId: ReadonlyMap<StepId, Step>;
  /** Place of a step in the author's order. */
  readonly order: ReadonlyMap<StepId, number>;
  readonly dependants: ReadonlyMap<StepId, readonly StepId[]>;
}

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
  return { byId, order, dependants };
};
