import { isName } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';
import { checkParam } from '../params/resolve-params.ts';
import { parseReferences } from '../reference/parse-references.ts';
import { stringsOf } from '../reference/render-value.ts';
import { calledNamesOf, isChosenCall } from './called-dags.ts';
import type { Dag } from './dag.ts';
import { type DagPath, type DagProblem, expectedName, unknownWord } from './dag-problem.ts';
import type { InlineDags } from './inline-dags.ts';
import type { Step, StepAction } from './step.ts';

type CallAction = Extract<StepAction, { readonly kind: 'call' }>;

/**
 * What keeps a step from calling: its name, its choices, what no coordinator can evaluate, and, of inline DAGs, parameters that do not
 * fit. A name that is not inline may be one of the project's, which is looked up at admission.
 */
export const callProblems = (inline: InlineDags, at: DagPath, step: Step): readonly DagProblem[] => {
  const { action } = step;
  if (action.kind !== 'call') return [];
  return [
    ...nameProblems(at, action),
    ...environmentProblems(at, action),
    ...plainPreconditionProblems(at, step, 'a call'),
    ...[...new Set(calledNamesOf(action))].flatMap((name) => {
      const target = inline.get(name);
      return target === undefined ? [] : paramProblems(at, action, name, target);
    }),
  ];
};

/** Preconditions of what runs on no worker: two texts to compare, and nothing that needs a shell or an environment. */
export const plainPreconditionProblems = (at: DagPath, step: Step, what: string): readonly DagProblem[] =>
  step.preconditions.flatMap((precondition, index) => {
    const texts = [precondition.condition, precondition.expected ?? ''];
    const why =
      precondition.expected === undefined
        ? 'cannot be a command'
        : precondition.expected.startsWith('re:')
          ? 'cannot use re:'
          : texts.some((text) => environmentIn(text) !== undefined)
            ? 'has no environment to refer to'
            : undefined;
    if (why === undefined) return [];
    const message = `a precondition of ${what} ${why}`;
    return [{ path: [...at, 'preconditions', index], message, expected: 'condition and expected, as texts' }];
  });

const nameProblems = (at: DagPath, action: CallAction): readonly DagProblem[] => {
  const path = [...at, 'action', 'dag'];
  if (!isChosenCall(action)) {
    return isName(action.dag) ? [] : [{ path, message: `"${action.dag}" is no DAG name`, expected: expectedName }];
  }
  if (action.choices === undefined || action.choices.length === 0) {
    const message = `"${action.dag}" holds references: the DAGs that it may become must be listed`;
    return [{ path, message, expected: 'choices' }];
  }
  return action.choices.flatMap((name, index) =>
    isName(name)
      ? []
      : [{ path: [...at, 'action', 'choices', index], message: `"${name}" is no DAG name`, expected: expectedName }],
  );
};

const environmentIn = (text: string): string | undefined =>
  parseReferences(text).find(({ target }) => target.kind === 'env')?.expression;

/** A call runs on no worker, so that nobody could say what is in the environment. */
const environmentProblems = (at: DagPath, action: CallAction): readonly DagProblem[] => {
  const problemOf = (field: 'dag' | 'params', texts: readonly string[]): readonly DagProblem[] => {
    const expression = texts.map(environmentIn).find((found) => found !== undefined);
    if (expression === undefined) return [];
    return [{ path: [...at, 'action', field], message: `\${${expression}}: a call has no environment` }];
  };
  const params = stringsOf({ ...action.params }).map(({ text }) => text);
  return [...problemOf('dag', [action.dag]), ...problemOf('params', params)];
};

/** Names that the called DAG does not declare, values that show without a run that they are wrong, and required ones that are missing. */
const paramProblems = (at: DagPath, action: CallAction, name: string, target: Dag): readonly DagProblem[] => {
  const given = new Map<string, JsonValue>(Object.entries(action.params ?? {}));
  const path = [...at, 'action', 'params'];
  const problems: DagProblem[] = [];
  for (const [param, value] of given) {
    const definition = target.params.find((declared) => declared.name === param);
    if (definition === undefined) {
      const known = target.params.map((declared) => declared.name);
      problems.push(unknownWord(path, `DAG "${name}" declares no parameter "${param}"`, param, known));
      continue;
    }
    const isLiteral = stringsOf(value).every(({ text }) => !text.includes('${'));
    const checked = isLiteral ? checkParam(definition, value) : undefined;
    if (checked?.ok === false) {
      problems.push({ ...checked.error, path, message: `in the call of "${name}", ${checked.error.message}` });
    }
  }
  for (const { name: param, required, default: fallback } of target.params) {
    if (!required || fallback !== undefined || given.has(param)) continue;
    const place = [...at, 'action', isChosenCall(action) ? 'choices' : 'dag'];
    problems.push({ path: place, message: `DAG "${name}" needs the parameter "${param}"` });
  }
  return problems;
};
