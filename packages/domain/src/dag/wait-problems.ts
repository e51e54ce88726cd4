import { isName } from '../identity/ids.ts';
import { checkParam } from '../params/resolve-params.ts';
import { parseReferences } from '../reference/parse-references.ts';
import { expectedInstant, parseInstant } from '../wait/instant.ts';
import { plainPreconditionProblems } from './call-problems.ts';
import type { Dag } from './dag.ts';
import { type DagPath, type DagProblem, expectedName } from './dag-problem.ts';
import type { Step, StepAction } from './step.ts';
import { ancestorsOf } from './step-graph.ts';

type WaitAction = Extract<StepAction, { readonly kind: 'wait' }>;
type ApprovalAction = Extract<StepAction, { readonly kind: 'approval' }>;

/** Longest wait for a time, ms: what a date can say. */
export const maxWaitDurationMs = 10 * 366 * 24 * 3_600_000;

/** Name that an approval gives to who approved; its inputs may not have it. */
const approver = 'approvedBy';

/** What keeps a step from waiting: what no coordinator can evaluate, what it waits for, its inputs, and where it may be pushed back to. */
export const waitProblems = (dag: Dag, at: DagPath, step: Step): readonly DagProblem[] => {
  const { action } = step;
  if (action.kind !== 'wait' && action.kind !== 'approval') return [];
  const what = action.kind === 'wait' ? 'a wait' : 'an approval';
  const [field, text] =
    action.kind === 'wait' ? (['until', action.until ?? ''] as const) : (['prompt', action.prompt] as const);
  const environment = parseReferences(text).find(({ target }) => target.kind === 'env')?.expression;
  return [
    ...(environment === undefined
      ? []
      : [{ path: [...at, 'action', field], message: `\${${environment}}: ${what} has no environment` }]),
    ...plainPreconditionProblems(at, step, what),
    ...(action.kind === 'wait' ? formProblems(at, action) : approvalProblems(dag, at, step, action)),
  ];
};

const formProblems = (at: DagPath, { durationMs, until, message }: WaitAction): readonly DagProblem[] => {
  const path = [...at, 'action'];
  const forms = [durationMs, until, message].filter((form) => form !== undefined).length;
  if (forms !== 1) {
    const problem = 'a wait is for a duration, until an instant, or for a message, and for one of them only';
    return [{ path, message: problem, expected: 'one of duration_sec, until, message' }];
  }
  if (
    durationMs !== undefined &&
    !(Number.isSafeInteger(durationMs) && durationMs >= 0 && durationMs <= maxWaitDurationMs)
  ) {
    return [
      { path: [...path, 'durationMs'], message: `${durationMs} ms is no time to wait`, expected: 'at most 10 years' },
    ];
  }
  if (until === undefined || parseReferences(until).length > 0 || parseInstant(until) !== undefined) return [];
  return [{ path: [...path, 'until'], message: `"${until}" is no instant`, expected: expectedInstant }];
};

const approvalProblems = (
  dag: Dag,
  at: DagPath,
  step: Step,
  { prompt, input, rewind }: ApprovalAction,
): readonly DagProblem[] => {
  const path = [...at, 'action'];
  const problems: DagProblem[] = [];
  if (prompt.trim() === '')
    problems.push({ path: [...path, 'prompt'], message: 'an approval asks something', expected: 'a text' });
  const seen = new Set<string>();
  input.forEach((param, index) => {
    const place = [...path, 'input', index];
    if (!isName(param.name) || param.name === approver) {
      const why = param.name === approver ? 'is who approved' : 'is no name';
      problems.push({ path: place, message: `the input "${param.name}" ${why}`, expected: expectedName });
    }
    if (seen.has(param.name)) problems.push({ path: place, message: `there are two inputs "${param.name}"` });
    seen.add(param.name);
    const checked = param.default === undefined ? undefined : checkParam(param, param.default);
    if (checked?.ok === false)
      problems.push({ path: place, message: `the default of the input "${param.name}" is none of its values` });
  });
  if (rewind === undefined) return problems;
  const before = ancestorsOf(dag, step);
  if (step.foreach !== undefined) {
    problems.push({
      path: [...path, 'rewind'],
      message: 'an item of a fan-out cannot be pushed back',
      expected: 'no rewind',
    });
  } else if (!before.has(rewind) || rewind === step.id) {
    const names = dag.steps.flatMap(({ id }) => (before.has(id) && id !== step.id ? [id] : []));
    problems.push({
      path: [...path, 'rewind'],
      message: `rewind: "${rewind}" does not come before "${step.id}"`,
      expected: names.length === 0 ? 'a step that comes before' : names.join(', '),
    });
  }
  return problems;
};
