import type { StepId } from '../identity/ids.ts';
import type { Dag } from './dag.ts';
import { type DagProblem, unknownWord } from './dag-problem.ts';
import type { Step } from './step.ts';

/** Duplicate ids, dependencies that do not exist, and cycles, each of which is named once. */
export const graphProblems = (dag: Dag): readonly DagProblem[] => {
  const problems: DagProblem[] = [];
  const byId = new Map<StepId, number>();
  dag.steps.forEach((step, index) => {
    const earlier = byId.get(step.id);
    if (earlier === undefined) byId.set(step.id, index);
    else
      problems.push({ path: ['steps', index, 'id'], message: `step ${earlier + 1} has the id "${step.id}" already` });
  });
  dag.steps.forEach((step, index) => {
    step.depends.forEach((id, position) => {
      if (byId.has(id)) return;
      const others = [...byId.keys()].filter((other) => other !== step.id);
      problems.push(unknownWord(['steps', index, 'depends', position], `there is no step "${id}"`, id, others));
    });
  });
  return [...problems, ...cycles(dag, byId)];
};

/** Depth first without recursion, so that a chain of 10,000 steps is no deeper than one of two. */
const cycles = (dag: Dag, byId: ReadonlyMap<StepId, number>): readonly DagProblem[] => {
  const problems: DagProblem[] = [];
  const finished = new Set<number>();
  for (let root = 0; root < dag.steps.length; root++) {
    const path: { readonly index: number; next: number }[] = finished.has(root) ? [] : [{ index: root, next: 0 }];
    const onPath = new Set(path.map(({ index }) => index));
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const step = dag.steps[top.index] as Step;
      const position = top.next++;
      const id = step.depends[position];
      if (id === undefined) {
        finished.add(top.index);
        onPath.delete(top.index);
        path.pop();
        continue;
      }
      const target = byId.get(id);
      if (target === undefined || finished.has(target)) continue;
      if (onPath.has(target))
        problems.push(
          cycleProblem(
            dag,
            path.map(({ index }) => index),
            target,
            position,
          ),
        );
      else {
        path.push({ index: target, next: 0 });
        onPath.add(target);
      }
    }
  }
  return problems;
};

const cycleProblem = (dag: Dag, path: readonly number[], target: number, position: number): DagProblem => {
  const ring = [...path.slice(path.indexOf(target)), target].map((index) => dag.steps[index]?.id);
  const message = `these steps wait for each other: ${ring.join(' -> ')}`;
  return { path: ['steps', path.at(-1) ?? target, 'depends', position], message };
};

/** All steps that must be settled before this one may begin; it is not among them unless it is on a cycle. */
export const ancestorsOf = (dag: Dag, step: Step): ReadonlySet<StepId> => {
  const byId = new Map(dag.steps.map((other) => [other.id, other]));
  const ancestors = new Set<StepId>();
  const open = [...step.depends];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (ancestors.has(id)) continue;
    ancestors.add(id);
    open.push(...(byId.get(id)?.depends ?? []));
  }
  return ancestors;
};
