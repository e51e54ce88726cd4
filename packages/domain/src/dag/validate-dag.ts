import { isName } from '../identity/ids.ts';
import { checkParam } from '../params/resolve-params.ts';
import type { Dag } from './dag.ts';
import type { DagPath, DagProblem } from './dag-problem.ts';
import { referenceProblems } from './reference-problems.ts';
import { graphProblems } from './step-graph.ts';

/**
 * What makes a DAG impossible to run, beyond the shape of its values: names, duplicate ids, unknown dependencies, cycles,
 * parameters whose default is not of their type, and references that name nothing known. All problems at once; empty means valid.
 */
export const validateDag = (dag: Dag): readonly DagProblem[] => [
  ...nameProblems(dag),
  ...paramProblems(dag),
  ...graphProblems(dag),
  ...referenceProblems(dag),
  ...Object.entries(dag.subDags ?? {}).flatMap(([name, subDag]) =>
    validateDag(subDag).map((problem) => ({ ...problem, path: ['subDags', name, ...problem.path] })),
  ),
];

const expectedName = 'a letter or digit, then up to 63 letters, digits, "_", "." or "-"';

const nameProblems = (dag: Dag): readonly DagProblem[] => {
  const places: readonly (readonly [DagPath, string, string])[] = [
    [['name'], 'DAG name', dag.name],
    ...dag.steps.map((step, index) => [['steps', index, 'id'], 'step id', step.id] as const),
    ...dag.steps.flatMap(({ action }, index) =>
      action.kind === 'agent' ? [[['steps', index, 'action', 'agent'], 'agent id', action.agent] as const] : [],
    ),
  ];
  return places
    .filter(([, , name]) => !isName(name))
    .map(([path, what, name]) => ({ path, message: `"${name}" is no ${what}`, expected: expectedName }));
};

const paramProblems = (dag: Dag): readonly DagProblem[] => {
  const seen = new Set<string>();
  return dag.params.flatMap((param, index) => {
    const path = ['params', index];
    const problems: DagProblem[] = [];
    if (!isName(param.name)) {
      problems.push({
        path: [...path, 'name'],
        message: `"${param.name}" is no parameter name`,
        expected: expectedName,
      });
    }
    if (seen.has(param.name))
      problems.push({ path: [...path, 'name'], message: `there are two parameters "${param.name}"` });
    seen.add(param.name);
    const checked = param.default === undefined ? undefined : checkParam(param, param.default);
    if (checked?.ok === false)
      problems.push({
        ...checked.error,
        path: [...path, 'default'],
        message: `in its default, ${checked.error.message}`,
      });
    return problems;
  });
};
