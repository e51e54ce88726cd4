import { ancestorsOf } from '../dag/step-graph.ts';
import type { StepPath } from '../identity/ids.ts';
import { findTarget } from '../run/create-run-state.ts';
import type { RunState, StepState } from '../run/run-state.ts';
import type { WaitReason } from '../run/run-status.ts';
import type { StepView } from '../run/run-view.ts';
import type { ApprovalView } from './wait-state.ts';

const iso = (at: number): string => new Date(at).toISOString();

/** What a waiting step waits for, as people and programs see it; undefined for a step that does not wait by itself. */
export const waitViewOf = (step: StepState): StepView['wait'] => {
  const { wait } = step;
  if (wait === undefined) return undefined;
  return {
    for: wait.for,
    ...(wait.until === undefined ? {} : { until: iso(wait.until) }),
    ...(wait.deadline === undefined ? {} : { deadline: iso(wait.deadline) }),
    ...(wait.prompt === undefined ? {} : { prompt: wait.prompt }),
  };
};

const reasons = {
  approval: 'waiting_for_approval',
  message: 'waiting_for_message',
  time: 'waiting_for_time',
} as const satisfies { readonly [what: string]: WaitReason };

/** Why a step in status `waiting` goes no further; undefined for one that waits for a child run. */
export const waitReasonOf = (step: StepState): WaitReason | undefined =>
  step.wait === undefined ? undefined : reasons[step.wait.for];

/** One approval that waits now; undefined for anything else. */
export const approvalViewOf = (state: RunState, path: StepPath): ApprovalView | undefined => {
  const found = findTarget(state, path);
  const wait = found?.target.wait;
  const definition = state.graph.byId.get(found?.step.path ?? '');
  if (found === undefined || wait?.for !== 'approval' || definition?.action.kind !== 'approval') return undefined;
  const before = found.index === undefined ? ancestorsOf(state.dag, definition) : new Set<string>();
  return {
    runId: state.runId,
    dag: state.dag.name,
    step: found.target.path,
    prompt: wait.prompt ?? '',
    input: definition.action.input,
    since: iso(wait.since),
    ...(wait.deadline === undefined ? {} : { deadline: iso(wait.deadline) }),
    rewind: state.dag.steps.flatMap(({ id }) => (before.has(id) ? [id] : [])),
    round: found.step.round ?? 0,
  };
};

/** The approvals of a run that wait now, those that wait longest first. */
export const approvalsOf = (state: RunState): readonly ApprovalView[] =>
  [...state.waits.keys()]
    .flatMap((path) => approvalViewOf(state, path) ?? [])
    .sort((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0));
