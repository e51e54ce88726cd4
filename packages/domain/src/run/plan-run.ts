import type { StepKind } from '../dag/step.ts';
import type { StepId } from '../identity/ids.ts';
import { closeMailboxes, planMessages } from './decide-message.ts';
import { planWaits } from './decide-wait.ts';
import { closeRun, finishRun } from './finish-run.ts';
import { currentHandler, initForbids, isInitOpen, isStopping } from './handler-phase.ts';
import { isLeasable, nextAttempt } from './next-attempt.ts';
import type { RunFact } from './run-fact.ts';
import type { CallToCancel, ReadyTask, RunPlan, TaskToCancel } from './run-plan.ts';
import type { FanoutState, RunState, StepState } from './run-state.ts';
import { isSettledStep, isTerminalRun } from './run-status.ts';
import { mayRun } from './settle-step.ts';
import { dependencyVerdict } from './step-tolerance.ts';

/** Ready tasks, and as many calls, in one plan, unless the caller asks for another number; more come with the next plan. */
export const defaultReadyLimit = 256;

interface Draft {
  readonly facts: RunFact[];
  readonly expand: StepId[];
  readonly ready: ReadyTask[];
  readonly calls: ReadyTask[];
  readonly waits: ReadyTask[];
  readonly cancel: TaskToCancel[];
  readonly cancelCalls: CallToCancel[];
  dueAt: number;
}

const nothing: RunPlan = { facts: [], expand: [], ready: [], calls: [], waits: [], cancel: [], cancelCalls: [] };

const onlyFact = (fact: RunFact): RunPlan => ({ ...nothing, facts: [fact] });

const stopTarget = (draft: Draft, { path: step, lease, call }: StepState): void => {
  if (lease !== undefined) draft.cancel.push({ step, token: lease.token, workerId: lease.workerId });
  if (call !== undefined) draft.cancelCalls.push({ step, childRunId: call.childRunId });
};

/** `begin` is the list that the step's kind begins by: tasks for workers, or calls. */
const planTarget = (draft: Draft, begin: ReadyTask[], stepId: StepId, target: StepState, now: number): void => {
  if (isLeasable(target, now)) begin.push({ step: target.path, stepId, attempt: nextAttempt(target) });
  else if (target.status === 'retrying') draft.dueAt = Math.min(draft.dueAt, target.notBefore ?? now);
};

/** Items in item order: those that want another lease first (all have lower indexes), then those never leased. */
const planItems = (
  draft: Draft,
  begin: ReadyTask[],
  stepId: StepId,
  fanout: FanoutState,
  maxConcurrent: number,
  now: number,
  limit: number,
): void => {
  const end = begin.length + Math.max(0, Math.min(maxConcurrent - fanout.leased, limit - begin.length));
  for (const index of [...fanout.again].sort((a, b) => a - b)) {
    const item = fanout.states[index];
    if (item === undefined) continue;
    if (begin.length < end) planTarget(draft, begin, stepId, item, now);
    else if (item.status === 'retrying' && !isLeasable(item, now))
      draft.dueAt = Math.min(draft.dueAt, item.notBefore ?? now);
  }
  for (let index = fanout.next; index < fanout.states.length && begin.length < end; index += 1) {
    const item = fanout.states[index];
    if (item?.status === 'ready') planTarget(draft, begin, stepId, item, now);
  }
};

const skipFact = (state: RunState, step: StepState, now: number): RunFact => {
  let reason: 'upstream_failed' | 'upstream_skipped' = initForbids(state) ? 'upstream_failed' : 'upstream_skipped';
  for (const id of state.graph.byId.get(step.path)?.depends ?? []) {
    const definition = state.graph.byId.get(id);
    const dependency = state.steps.get(id);
    if (definition === undefined || dependency === undefined) continue;
    if (dependencyVerdict(definition, dependency) === 'upstream_failed') reason = 'upstream_failed';
  }
  return { type: 'step_skipped', v: 1, at: now, step: step.path, reason };
};

const beginListOf = (draft: Draft, kind: StepKind): ReadyTask[] => {
  if (kind === 'call') return draft.calls;
  return kind === 'wait' || kind === 'approval' ? draft.waits : draft.ready;
};

const planStep = (state: RunState, draft: Draft, stepId: StepId, now: number, limit: number): void => {
  const step = state.steps.get(stepId);
  const definition = state.graph.byId.get(stepId);
  if (step === undefined || definition === undefined) return;
  const begin = beginListOf(draft, definition.action.kind);
  if (isStopping(state)) {
    stopTarget(draft, step);
    step.fanout?.states.forEach((item) => stopTarget(draft, item));
  } else if (step.status === 'pending' && !mayRun(state, step)) {
    draft.facts.push(skipFact(state, step, now));
  } else if (step.fanout !== undefined) {
    planItems(draft, begin, stepId, step.fanout, definition.foreach?.maxConcurrent ?? 1, now, limit);
  } else if (definition.foreach !== undefined) {
    draft.expand.push(stepId);
  } else if (begin.length < limit) {
    planTarget(draft, begin, stepId, step, now);
  } else if (step.status === 'retrying' && !isLeasable(step, now)) {
    draft.dueAt = Math.min(draft.dueAt, step.notBefore ?? now);
  }
};

/** The plan over the given steps, which must hold every step of the frontier, in DAG order. */
const planSteps = (state: RunState, stepIds: Iterable<StepId>, now: number, limit: number): RunPlan => {
  const draft: Draft = {
    facts: [],
    expand: [],
    ready: [],
    calls: [],
    waits: [],
    cancel: [],
    cancelCalls: [],
    dueAt: Number.POSITIVE_INFINITY,
  };
  const { timeoutMs, startedAt } = state;
  const mayTimeOut = state.cancel === undefined && state.closing === undefined;
  if (timeoutMs !== undefined && startedAt !== undefined && mayTimeOut) {
    const deadline = startedAt + timeoutMs;
    if (deadline <= now) return onlyFact({ type: 'cancel_requested', v: 1, at: now, by: 'timeout', reason: 'timeout' });
    draft.dueAt = deadline;
  }
  for (const each of [planMessages(state, now), planWaits(state, now)]) {
    if (each.facts.length > 0) return { ...nothing, facts: each.facts };
    draft.dueAt = Math.min(draft.dueAt, each.dueAt ?? Number.POSITIVE_INFINITY);
  }
  for (const stepId of stepIds) planStep(state, draft, stepId, now, limit);
  if (draft.facts.length > 0) return { ...nothing, facts: draft.facts };
  const { dueAt, ...plan } = draft;
  return Number.isFinite(dueAt) ? { ...plan, dueAt } : plan;
};

/** What is the same for both planners: runs that are over, not admitted, or done. Undefined when steps must be looked at. */
const planEnds = (state: RunState, now: number): RunPlan | undefined => {
  if (isTerminalRun(state.status) || state.seq === 0) return nothing;
  if (state.status === 'queued' && state.cancel === undefined) {
    const { facts, dueAt } = planMessages(state, now);
    return dueAt === undefined || facts.length > 0 ? { ...nothing, facts } : { ...nothing, dueAt };
  }
  if (state.status !== 'queued' && (state.openSteps > 0 || currentHandler(state) !== undefined)) return undefined;
  // Nobody may be left unread in silence (D4): a run ends after its mailboxes.
  const isLast = state.status === 'queued' || state.closing !== undefined;
  const end = isLast ? finishRun(state, now) : closeRun(state, now);
  const facts = end.type === 'run_finished' ? closeMailboxes(state, now) : planMessages(state, now).facts;
  return facts.length > 0 ? { ...nothing, facts } : onlyFact(end);
};

/**
 * What to do next for a run: a pure reading of its state that looks only at the frontier.
 * When `facts` is not empty the other lists are: append and evolve the facts, then plan again.
 * `readyLimit` bounds `ready`, and likewise `calls`; when it is reached, call again after leasing or calling.
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
  const isOpen = (id: StepId): boolean => !isSettledStep(state.steps.get(id)?.status ?? 'pending');
  const concerned: StepId[] = [];
  for (const { id, depends } of state.dag.steps) {
    if (isOpen(id) && !isInitOpen(state) && !depends.some(isOpen)) concerned.push(id);
  }
  const handler = currentHandler(state);
  if (handler !== undefined) concerned.push(handler);
  return planSteps(state, concerned, now, readyLimit);
};
