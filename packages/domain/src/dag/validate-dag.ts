import { isName } from '../identity/ids.ts';
import { checkParam } from '../params/resolve-params.ts';
import { callProblems } from './call-problems.ts';
import type { Dag } from './dag.ts';
import { type DagPath, type DagProblem, expectedName } from './dag-problem.ts';
import { handlerProblems } from './handler-problems.ts';
import { type InlineDags, inlineDagProblems, inlineDagsOf } from './inline-dags.ts';
import { referenceProblems } from './reference-problems.ts';
import type { Step } from './step.ts';
import { graphProblems } from './step-graph.ts';
import { waitProblems } from './wait-problems.ts';

/**
 * What makes a DAG impossible to run, beyond the shape of its values: names, duplicate ids, unknown dependencies, cycles,
 * parameters whose default is not of their type, handlers that are part of the graph, calls that do not fit the inline DAGs of the file,
 * and references that name nothing known. All problems at once; empty means valid. A called DAG that is not inline is not looked for.
 */
export const validateDag = (dag: Dag): readonly DagProblem[] => {
  const inline = inlineDagsOf(dag);
  return [
    ...ownProblems(dag, inline),
    ...inlineDagProblems(dag),
    ...[...inline].flatMap(([name, subDag]) =>
      ownProblems(subDag, inline).map((problem) => ({ ...problem, path: ['subDags', name, ...problem.path] })),
    ),
  ];
};

/** Problems of one document of a file. */
const ownProblems = (dag: Dag, inline: InlineDags): readonly DagProblem[] => [
  ...nameProblems(dag),
  ...paramProblems(dag),
  ...graphProblems(dag),
  ...handlerProblems(dag),
  ...locatedSteps(dag).flatMap(([path, step]) => callProblems(inline, path, step)),
  ...locatedSteps(dag).flatMap(([path, step]) => waitProblems(dag, path, step)),
  ...referenceProblems(dag, inline),
];

/** Steps and handlers, each with its place. */
const locatedSteps = (dag: Dag): readonly (readonly [DagPath, Step])[] => [
  ...dag.steps.map((step, index) => [['steps', index], step] as const),
  ...Object.entries(dag.handlers ?? {}).map(([name, step]) => [['handlers', name], step] as const),
];

const nameProblems = (dag: Dag): readonly DagProblem[] => {
  const places: readonly (readonly [DagPath, string, string])[] = [
    [['name'], 'DAG name', dag.name],
    ...dag.steps.map((step, index) => [['steps', index, 'id'], 'step id', step.id] as const),
    ...locatedSteps(dag).flatMap(([path, { action }]) =>
      action.kind === 'agent' ? [[[...path, 'action', 'agent'], 'agent id', action.agent] as const] : [],
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
