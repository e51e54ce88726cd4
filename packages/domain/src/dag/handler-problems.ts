import type { Dag, HandlerName } from './dag.ts';
import { handlerNames, handlerStepId } from './dag.ts';
import type { DagProblem } from './dag-problem.ts';
import { unknownWord } from './dag-problem.ts';

/** What a handler may not be: of another name or id, part of the graph, or a fan-out. */
export const handlerProblems = (dag: Dag): readonly DagProblem[] =>
  Object.entries(dag.handlers ?? {}).flatMap(([name, step]) => {
    const path = ['handlers', name];
    if (!handlerNames.includes(name as HandlerName))
      return [unknownWord(path, `there is no handler "${name}"`, name, handlerNames)];
    const problems: DagProblem[] = [];
    const id = handlerStepId(name as HandlerName);
    if (step.id !== id)
      problems.push({ path: [...path, 'id'], message: `the handler "${name}" has the id "${step.id}"`, expected: id });
    if (step.depends.length > 0)
      problems.push({ path: [...path, 'depends'], message: `the handler "${name}" can depend on nothing` });
    const { kind } = step.action;
    if (kind === 'wait' || kind === 'approval')
      problems.push({ path: [...path, 'action'], message: `the handler "${name}" cannot be of kind ${kind}` });
    if (step.foreach !== undefined)
      problems.push({ path: [...path, 'foreach'], message: `the handler "${name}" cannot be a fan-out` });
    return problems;
  });
