import type { Dag } from './dag.ts';
import type { DagPath, DagProblem } from './dag-problem.ts';

/** The inline DAGs of a file by name, also as seen from one of them: they may call one another. */
export type InlineDags = ReadonlyMap<string, Dag>;

/** The inline DAGs of a root. */
export const inlineDagsOf = (root: Dag): InlineDags => new Map(Object.entries(root.subDags ?? {}));

/** Names that do not tell the documents of a file apart, and documents inside documents. */
export const inlineDagProblems = (root: Dag): readonly DagProblem[] =>
  [...inlineDagsOf(root)].flatMap(([name, dag]) => {
    const path: DagPath = ['subDags', name];
    const problems: DagProblem[] = [];
    if (dag.name !== name) {
      const message = `the inline DAG "${name}" calls itself "${dag.name}"`;
      problems.push({ path: [...path, 'name'], message, expected: name });
    }
    if (name === root.name)
      problems.push({ path: [...path, 'name'], message: `"${name}" is the name of the DAG that it is inside of` });
    if (dag.subDags !== undefined)
      problems.push({ path: [...path, 'subDags'], message: `the inline DAG "${name}" has inline DAGs of its own` });
    return problems;
  });
