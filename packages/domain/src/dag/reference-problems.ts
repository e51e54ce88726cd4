import { isDomainError } from '../errors/domain-error.ts';
import type { StepId } from '../identity/ids.ts';
import { parseReferences } from '../reference/parse-references.ts';
import { handlerRunFields, type Reference } from '../reference/reference.ts';
import { type StepText, textsOfStep } from '../reference/references-of-step.ts';
import { wholeReference } from '../reference/render-value.ts';
import { compileShellText } from '../shell/compile-shell-text.ts';
import { calledNamesOf, outputNamesOfDag } from './called-dags.ts';
import type { Dag } from './dag.ts';
import { type DagPath, type DagProblem, unknownWord } from './dag-problem.ts';
import type { InlineDags } from './inline-dags.ts';
import { interpreterOf, isPosixShell } from './interpreter.ts';
import type { Step } from './step.ts';
import { ancestorsOf } from './step-graph.ts';

/** What a reference may see from where it stands. */
interface Scope {
  readonly dag: Dag;
  readonly inline: InlineDags;
  readonly params: readonly string[];
  readonly stepById: ReadonlyMap<StepId, Step>;
  /** Steps that are settled by then; undefined in a handler and in outputs of the DAG, which may refer to any. */
  readonly ancestors: ReadonlySet<StepId> | undefined;
  readonly inHandler: boolean;
  /** The text is read by the coordinator, which knows no environment. */
  readonly hasEnvironment: boolean;
  readonly inFanout: boolean;
}

/** Every reference that names nothing, or nothing that is known by then, and every text that cannot carry its references. */
export const referenceProblems = (dag: Dag, inline: InlineDags): readonly DagProblem[] => {
  const params = dag.params.map((param) => param.name);
  const stepById = new Map(dag.steps.map((step) => [step.id, step]));
  const base = { dag, inline, params, stepById, inHandler: false, hasEnvironment: true };
  const problems: DagProblem[] = dag.env.flatMap((entry, index) => {
    const scope: Scope = { ...base, ancestors: new Set(), inFanout: false };
    return textProblems(scope, ['env', index, 'value'], entry.value);
  });
  dag.steps.forEach((step, index) => {
    const needsAncestors = textsOfStep(step).some(({ text }) => text.includes('${steps.'));
    const ancestors = needsAncestors ? ancestorsOf(dag, step) : new Set<StepId>();
    const scope: Scope = { ...base, ancestors, inFanout: step.foreach !== undefined };
    problems.push(...stepProblems(scope, ['steps', index], step));
  });
  for (const [name, step] of Object.entries(dag.handlers ?? {})) {
    const scope: Scope = { ...base, ancestors: undefined, inHandler: true, inFanout: false };
    problems.push(...stepProblems(scope, ['handlers', name], step));
  }
  for (const [name, text] of Object.entries(dag.outputs ?? {})) {
    const path = ['outputs', name];
    if (!isReferable(name)) {
      problems.push({ path, message: `"${name}" is no output name`, expected: 'letters, digits, "_" or "-"' });
    }
    problems.push(
      ...textProblems({ ...base, ancestors: undefined, hasEnvironment: false, inFanout: false }, path, text),
    );
  }
  return problems;
};

/** Whether `${steps.ID.outputs.NAME}` can say this name. */
const isReferable = (name: string): boolean => /^[A-Za-z0-9_-]+$/.test(name);

const stepProblems = (scope: Scope, at: DagPath, step: Step): readonly DagProblem[] => {
  const problems: DagProblem[] = [];
  const interpreter = interpreterOf(step);
  for (const { path, text, reader } of textsOfStep(step)) {
    if (isInherited(scope.dag, step, path)) continue;
    const inItems = path[0] === 'foreach';
    const found = textProblems(inItems ? { ...scope, inFanout: false } : scope, [...at, ...path], text);
    problems.push(...found);
    if (found.length > 0 || reader === 'template') continue;
    problems.push(...shellProblems([...at, ...path], text, path[0] === 'action' ? interpreter : undefined));
  }
  problems.push(...foreachProblems(at, step));
  return problems;
};

/** DAG-level entries come first in a step's env and are judged once, at the DAG. */
const isInherited = (dag: Dag, step: Step, path: StepText['path']): boolean => {
  if (path[0] !== 'env' || typeof path[1] !== 'number') return false;
  const [own, shared] = [step.env[path[1]], dag.env[path[1]]];
  return shared !== undefined && own?.name === shared.name && own.value === shared.value;
};

const shellProblems = (path: DagPath, text: string, interpreter: string | undefined): readonly DagProblem[] => {
  const [reference] = parseReferences(text);
  if (reference === undefined) return [];
  if (!isPosixShell(interpreter)) {
    const message = `a script for ${interpreter} may not contain \${${reference.expression}}: pass the value through env and read the variable`;
    return [{ path, message }];
  }
  try {
    compileShellText(text);
    return [];
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
    return [{ path, message: thrown.message }];
  }
};

const foreachProblems = (at: DagPath, step: Step): readonly DagProblem[] => {
  const items = step.foreach?.items;
  if (items === undefined) return [];
  const path = [...at, 'foreach', 'items'];
  if (typeof items !== 'string') {
    const literal = items.some((item) => parseReferences(JSON.stringify(item)).length > 0);
    return literal
      ? [{ path, message: 'a literal list may not contain references: use one reference to a whole list' }]
      : [];
  }
  return wholeReference(items) !== undefined
    ? []
    : [{ path, message: 'the items of a fan-out are a list or one reference to a list', expected: '${…}' }];
};

const textProblems = (scope: Scope, path: DagPath, text: string): readonly DagProblem[] =>
  parseReferences(text).flatMap((reference) => {
    const problem = targetProblem(scope, path, reference);
    return problem === undefined ? [] : [problem];
  });

const targetProblem = (scope: Scope, path: DagPath, reference: Reference): DagProblem | undefined => {
  const { target, expression } = reference;
  switch (target.kind) {
    case 'invalid':
      return { path, message: `\${${expression}} is no reference: ${target.reason}` };
    case 'param':
      if (scope.params.includes(target.name)) return undefined;
      return unknownWord(
        path,
        `\${${expression}}: the DAG declares no parameter "${target.name}"`,
        target.name,
        scope.params,
      );
    case 'item':
      return scope.inFanout
        ? undefined
        : { path, message: `\${${expression}} has a value only inside a step with foreach` };
    case 'env':
      return scope.hasEnvironment
        ? undefined
        : { path, message: `\${${expression}}: the outputs of a DAG are read where no environment is known` };
    case 'run':
      return scope.inHandler || !handlerRunFields.includes(target.field)
        ? undefined
        : { path, message: `\${${expression}} has a value only inside a handler` };
    case 'step_output':
    case 'step_stdout':
    case 'step_exit_code':
      return stepTargetProblem(scope, path, expression, target);
  }
};

type StepTarget = Extract<Reference['target'], { readonly stepId: StepId }>;

const stepTargetProblem = (
  scope: Scope,
  path: DagPath,
  expression: string,
  target: StepTarget,
): DagProblem | undefined => {
  const step = scope.stepById.get(target.stepId);
  if (step === undefined) {
    return unknownWord(
      path,
      `\${${expression}}: there is no step "${target.stepId}"`,
      target.stepId,
      scope.stepById.keys(),
    );
  }
  if (scope.ancestors !== undefined && !scope.ancestors.has(target.stepId)) {
    const message = `\${${expression}}: "${target.stepId}" need not be finished by then`;
    return { path, message, expected: `"${target.stepId}" in depends, here or in a step that this one depends on` };
  }
  if (target.kind !== 'step_output') {
    const { kind } = step.action;
    const runs = kind === 'shell' || kind === 'script' || kind === 'exec';
    if (runs && step.foreach === undefined) return undefined;
    const message = `\${${expression}}: "${step.id}" is ${step.foreach === undefined ? `of kind ${kind}` : 'a fan-out'} and has only outputs`;
    return { path, message };
  }
  const known = outputNames(scope.inline, step);
  if (known === undefined || known.includes(target.name)) return undefined;
  const message = `\${${expression}}: "${step.id}" declares no output "${target.name}"`;
  return unknownWord(path, message, target.name, known);
};

/** Names of a step's outputs as far as they are known before it runs; undefined when anything is possible. */
const outputNames = (inline: InlineDags, step: Step): readonly string[] | undefined => {
  if (step.foreach !== undefined) return ['results'];
  const { action } = step;
  if (action.kind === 'noop') return [];
  if (action.kind === 'http') return ['status', 'headers', 'body'];
  if (action.kind === 'wait') return action.message === true ? ['text', 'sender', 'messageId'] : [];
  if (action.kind === 'approval') return [...action.input.map((param) => param.name), 'approvedBy'];
  if (action.kind === 'agent') {
    const properties = action.outputSchema?.['properties'];
    return properties !== undefined && typeof properties === 'object' && properties !== null
      ? Object.keys(properties)
      : undefined;
  }
  if (action.kind === 'call') {
    const names = calledNamesOf(action).map((name) => {
      const target = inline.get(name);
      return target === undefined ? undefined : outputNamesOfDag(target);
    });
    return names.includes(undefined) ? undefined : names.flatMap((each) => each ?? []);
  }
  return step.outputs.length === 0 ? undefined : step.outputs.map((output) => output.name);
};
