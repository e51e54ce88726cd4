import type { StepId } from '../identity/ids.ts';
import { finishRun } from './finish-run.ts';
import { isLeasable, nextAttempt } from './next-attempt.ts';
import type { RunFact } from './run-fact.ts';
import type { ReadyTask, RunPlan, TaskToCancel } from './run-plan.ts';
import type { FanoutState, RunState, StepState } from './run-state.ts';
import { isTerminalRun } from './run-status.ts';
import { mayRun } from './settle-step.ts';
import { dependencyVerdict } from './step-tolerance.ts';

/** Ready tasks in one plan, unless the caller asks for another number; more come with the next plan. */
export const defaultReadyLimit = 256;

interface Draft {
  readonly facts: RunFact[];
  readonly expand: StepId[];
  readonly ready: ReadyTask[];
  readonly cancel: TaskToCancel[];
  dueAt: number;
}

const nothing: RunPlan = { facts: [], expand: [], ready: [], cancel: [] };

const onlyFact = (fact: RunFact): RunPlan => ({ ...nothing, facts: [fact] });

const cancelLease = (draft: Draft, target: StepState): void => {
  if (target.lease === undefined) return;
  draft.cancel.push({ step: target.path, token: target.lease.token, workerId: target.lease.workerId });
};

const planTarget = (draft: Draft, stepId: StepId, target: StepState, now: number): void => {
  if (isLeasable(target, now)) draft.ready.push({ step: target.path, stepId, attempt: nextAttempt(target) });
  else if (target.status === 'retrying') draft.dueAt = Math.min(draft.dueAt, target.notBefore ?? now);
};

/** Items in item order: those that want another lease first (all have lower indexes), then those never leased. */
const planItems = (
  draft: Draft,
  stepId: StepId,
  fanout: FanoutState,
  maxConcurrent: number,
  now: number,
  limit: number,
): void => {
  const end = draft.ready.length + Math.max(0, Math.min(maxConcurrent - fanout.leased, limit - draft.ready.length));
  for (const index of [...fanout.again].sort((a, b) => a - b)) {
    const item = fanout.states[index];
    if (item === undefined) continue;
    if (draft.ready.length < end) planTarget(draft, stepId, item, now);
    else if (item.status === 'retrying' && !isLeasable(item, now))
      draft.dueAt = Math.min(draft.dueAt, item.notBefore ?? now);
  }
  for (let index = fanout.next; index < fanout.states.length && draft.ready.length < end; index += 1) {
    const item = fanout.states[index];
    if (item?.status === 'ready') planTarget(draft, stepId, item, now);
  }
};

const skipFact = (state: RunState, step: StepState, now: number): RunFact => {
  let reason: 'upstream_failed' | 'upstream_skipped' = 'upstream_skipped';
  for (const id of state.graph.byId.get(step.path)?.depends ?? []) {
    const definition = state.graph.byId.get(id);
    const dependency = state.steps.get(id);
    if (definition === undefined || dependency === undefined) continue;
    if (dependencyVerdict(definition, dependency) === 'upstream_failed') reason = 'upstream_failed';
  }
  return { type: 'step_skipped', v: 1, at: now, step: step.path, reason };
};

const planStep = (state: RunState, draft: Draft, stepId: StepId, now: number, limit: number): void => {
  const step = state.steps.get(stepId);
  const definition = state.graph.byId.get(stepId);
  if (step === undefined || definition === undefined) return;
  if (state.cancel !== undefined) {
    cancelLease(draft, step);
    step.fanout?.states.forEach((item) => cancelLease(draft, item));
  } else if (step.status === 'pending' && !mayRun(state, step)) {
    draft.facts.push(skipFact(state, step, now));
  } else if (step.fanout !== undefined) {
    planItems(draft, stepId, step.fanout, definition.foreach?.maxConcurrent ?? 1, now, limit);
  } else if (definition.foreach !== undefined) {
    draft.expand.push(stepId);
  } else if (draft.ready.length < limit) {
    planTarget(draft, stepId, step, now);
  } else if (step.status === 'retrying' && !isLeasable(step, now)) {
    draft.dueAt = Math.min(draft.dueAt, step.notBefore ?? now);
  }
};

/** The plan over the given steps, which must hold every step of the frontier, in DAG order. */
const planSteps = (state: RunState, stepIds: Iterable<StepId>, now: number, limit: number): RunPlan => {
  const draft: Draft = { facts: [], expand: [], ready: [], cancel: [], dueAt: Number.POSITIVE_INFINITY };
  if (state.dag.timeoutMs !== undefined && state.startedAt !== undefined && state.cancel === undefined) {
    const deadline = state.startedAt + state.dag.timeoutMs;
    if (deadline <= now) return onlyFact({ type: 'cancel_requested', v: 1, at: now, by: 'timeout', reason: 'timeout' });
    draft.dueAt = deadline;
  }
  for (const stepId of stepIds) planStep(state, draft, stepId, now, limit);
  if (draft.facts.length > 0) return { ...nothing, facts: draft.facts };
  const { facts, expand, ready, cancel } = draft;
  return Number.isFinite(draft.dueAt)
    ? { facts, expand, ready, cancel, dueAt: draft.dueAt }
    : { facts, expand, ready, cancel };
};

/** What is the same for both planners: runs that are over, not admitted, or done. Undefined when steps must be looked at. */
const planEnds = (state: RunState, now: number): RunPlan | undefined => {
  if (isTerminalRun(state.status) || state.seq === 0) return nothing;
  if (state.status === 'queued') return state.cancel === undefined ? nothing : onlyFact(finishRun(state, now));
  return state.openSteps === 0 ? onlyFact(finishRun(state, now)) : undefined;
};

/**
 * What to do next for a run: a pure reading of its state that looks only at the frontier.
 * When `facts` is not empty the other lists are: append and evolve the facts, then plan again.
 * `readyLimit` bounds `ready`; when it is reached, call again after leasing.
 */
export const planRun = (state: RunState, now: number, readyLimit: number = defaultReadyLimit): RunPlan => {
  const end = planEnds(state, now);
  if (end !== undefined) return end;
  const { order } = state.graph;
  const steps =
    state.frontier.size < 2
      ? state.frontier
      : [...state.frontier].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
  return planSteps(state, steps, now, readyLimit);
};

/** The reference planner: the same plan from a look at every step, without the frontier. Tests hold `planRun` equal to it. */
export const planRunFully = (state: RunState, now: number, readyLimit: number = defaultReadyLimit): RunPlan => {
  const end = planEnds(state, now);
  if (end !== undefined) return end;
  const concerned: StepId[] = [];
  for (const { id, depends } of state.dag.steps) {
    const step = state.steps.get(id);
    if (
      step?.finishedAt !== undefined &&
      (step.status === 'succeeded' ||
        step.status === 'failed' ||
        step.status === 'skipped' ||
        step.status === 'cancelled')
    )
      continue;
    const open = depends.some((dependency) => {
      const status = state.steps.get(dependency)?.status;
      return status !== 'succeeded' && status !== 'failed' && status !== 'skipped' && status !== 'cancelled';
    });
    if (!open) concerned.push(id);
  }
  return planSteps(state, concerned, now, readyLimit);
};
