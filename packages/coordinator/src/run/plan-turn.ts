import type {
  CallToCancel,
  Digest,
  ReadyTask,
  RunCommand,
  RunFact,
  RunId,
  RunPlan,
  StepId,
  StepPath,
  StoredProposal,
  TaskToCancel,
  WaitReason,
} from '@skein/domain';
import {
  DomainError,
  decide,
  evolve,
  heldSnapshots,
  isDomainError,
  isTerminalRun,
  planRun,
  versionsOfStep,
} from '@skein/domain';
import type { PreparedCall } from '../dispatch/prepare-call.ts';
import { isCall, prepareCall } from '../dispatch/prepare-call.ts';
import type { PreparedInputs } from '../dispatch/prepare-task.ts';
import { prepareItems, prepareTask } from '../dispatch/prepare-task.ts';
import { isWaiting, prepareWait, waitCommand } from '../dispatch/prepare-wait.ts';
import type { TaskClass } from '../dispatch/task-class.ts';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { EndedHold } from '../trace/record-turn.ts';
import { noteEnd } from '../trace/record-turn.ts';
import { boundError } from './bound-error.ts';
import { newChildId } from './new-run-id.ts';
import { redeliveryAt } from './redelivery-at.ts';
import { storedProposals, withAdmissibleProposals } from './result-proposals.ts';
import type { PendingCommand, RunActor, Settlement } from './run-actor.ts';
import { rootOf } from './tree-sizes.ts';

/** A task that was leased in this turn and is offered once the lease is durable. */
export interface LeasedTask {
  readonly task: ReadyTask;
  readonly token: number;
  readonly session: WorkerSession;
  readonly inputs: PreparedInputs;
}

/** A call that began in this turn; its child is created once that is durable. */
export interface BegunCall {
  readonly step: StepPath;
  readonly childRunId: RunId;
  readonly prepared: PreparedCall;
}

/** What one turn of a run decided; nothing of it may be seen outside before its facts are durable. */
export interface TurnDraft {
  readonly expectedSeq: number;
  /** See `heldSnapshots`: before the turn. */
  readonly held: readonly Digest[];
  readonly batch: readonly PendingCommand[];
  readonly settlements: Settlement[];
  readonly facts: RunFact[];
  readonly leased: LeasedTask[];
  readonly wants: Map<TaskClass, number>;
  readonly waits: Map<TaskClass, WaitReason>;
  readonly called: BegunCall[];
  /** What agents of this turn's results want remembered. */
  readonly proposals: StoredProposal[];
  /** Leases, calls and waits that this turn ends; only where traces are recorded. */
  readonly ended: EndedHold[];
  cancel: readonly TaskToCancel[];
  cancelCalls: readonly CallToCancel[];
  /** When the budget lets the first of the steps that wait for it be leased again, ms. */
  redeliverAt: number | undefined;
  dueAt: number | undefined;
}

/** Largest number of items of a fan-out. */
export const maxItems = 10_000;

/** Wait of a run whose next fact some coordinator does not know, in ms. */
const unwrittenMs = 5_000;

/** Plans in one turn before it is taken for a bug. */
const maxRounds = 100_000;

const refused = (error: DomainError): Settlement => ({ status: 'refused', error });

/** Some coordinator of the fleet could not drive the run any more: that waits until all have the same version. */
const notYetWritten = ({ type }: RunFact): DomainError =>
  new DomainError(
    'unavailable',
    `another coordinator of the fleet is of a version that does not know the fact "${type}": this works once all are upgraded`,
    { fact: type, reason: 'mixed_versions' },
  );

const evolveFacts = (engine: Engine, actor: RunActor, draft: TurnDraft, facts: readonly RunFact[]): void => {
  const isTraced = engine.deps.tracer?.isOn === true;
  for (const fact of facts) {
    if (isTraced) noteEnd(draft.ended, actor.state, fact);
    evolve(actor.state, fact);
  }
};

/** Decides a command and evolves its facts; an answer, never an exception, for what the domain refuses. */
const apply = (engine: Engine, actor: RunActor, draft: TurnDraft, given: RunCommand, now: number): Settlement => {
  const command = given.type === 'finish' ? withAdmissibleProposals(actor.state, given) : given;
  const decision = decide(actor.state, command, now);
  if (!decision.ok) return refused(decision.error);
  const unknown = decision.value.find(({ type }) => !engine.members.mayWrite(type));
  if (unknown !== undefined) return { status: 'failed', error: notYetWritten(unknown) };
  evolveFacts(engine, actor, draft, decision.value);
  // Values that were prepared for steps of the round before are not those of the next; nor is the snapshot that was.
  if (command.type === 'push_back' || command.type === 'migrate') actor.preparations.clear();
  if (command.type === 'submit' && actor.largeParams !== undefined) actor.state.params = actor.largeParams;
  draft.facts.push(...decision.value);
  if (command.type === 'finish') draft.proposals.push(...storedProposals(actor.state, decision.value, command.result));
  return { status: 'recorded', facts: decision.value.length };
};

const applyBatch = (engine: Engine, actor: RunActor, draft: TurnDraft, now: number): void => {
  for (const { command } of draft.batch) {
    if (command.type === 'submit' && actor.state.seq > 0 && actor.creation === undefined) {
      // The append whose answer was lost had happened.
      draft.settlements.push({ status: 'recorded', facts: 0 });
      continue;
    }
    try {
      draft.settlements.push(apply(engine, actor, draft, command, now));
    } catch (thrown) {
      // `decide` is pure and changes nothing, so a command that breaks it harms nobody else.
      engine.deps.log.error('command of a run failed', { runId: actor.runId, command: command.type, error: thrown });
      const error = isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error', undefined, thrown);
      draft.settlements.push(refused(error));
    }
  }
};

/** True when something changed, so that the run must be planned again. */
const expandStep = (engine: Engine, actor: RunActor, draft: TurnDraft, stepId: StepId, now: number): boolean => {
  const step = actor.state.graph.byId.get(stepId);
  if (step === undefined) return false;
  const prepared = prepareItems(engine, actor, step);
  if (prepared.status === 'pending') return false;
  actor.preparations.delete(stepId);
  if (prepared.status === 'failed') {
    return (
      apply(engine, actor, draft, { type: 'fail_step', step: stepId, error: prepared.error }, now).status === 'recorded'
    );
  }
  const { items, ref } = prepared.value;
  const command: RunCommand =
    items.length > maxItems
      ? {
          type: 'fail_step',
          step: stepId,
          error: { code: 'too_large', message: `a fan-out of ${items.length} items; the limit is ${maxItems}` },
        }
      : { type: 'expand', step: stepId, count: items.length, items: ref };
  return apply(engine, actor, draft, command, now).status === 'recorded';
};

/** Begins a call that may begin. True when something changed, so that the run must be planned again. */
const beginCall = (engine: Engine, actor: RunActor, draft: TurnDraft, task: ReadyTask, now: number): boolean => {
  const definition = actor.state.graph.byId.get(task.stepId);
  if (definition === undefined || !isCall(definition)) return false;
  const { step } = task;
  const prepared = prepareCall(engine, actor, step, definition);
  if (prepared.status === 'pending') return false;
  actor.preparations.delete(step);
  if (prepared.status === 'failed') {
    const error = boundError(prepared.error);
    return apply(engine, actor, draft, { type: 'fail_step', step, error }, now).status === 'recorded';
  }
  if (prepared.value === 'not_met') {
    return apply(engine, actor, draft, { type: 'skip_step', step }, now).status === 'recorded';
  }
  const { name, dag } = prepared.value;
  const childRunId = newChildId(engine, actor.shard);
  const begun = apply(engine, actor, draft, { type: 'call', step, childRunId, dag: name, dagDigest: dag.digest }, now);
  if (begun.status !== 'recorded') return false;
  // Where it may not go deeper, the step failed instead.
  if (draft.facts.at(-1)?.type !== 'step_called') return true;
  engine.trees.began(rootOf(actor.state));
  draft.called.push({ step, childRunId, prepared: prepared.value });
  return true;
};

/** Begins a wait that may begin. True when something changed, so that the run must be planned again. */
const beginWait = (engine: Engine, actor: RunActor, draft: TurnDraft, task: ReadyTask, now: number): boolean => {
  const definition = actor.state.graph.byId.get(task.stepId);
  if (definition === undefined || !isWaiting(definition)) return false;
  const { step } = task;
  const prepared = prepareWait(engine, actor, step, definition);
  if (prepared.status === 'pending') return false;
  actor.preparations.delete(step);
  const command = waitCommand(step, prepared, now);
  return apply(engine, actor, draft, command, now).status === 'recorded';
};

type Placement = 'leased' | 'failed' | 'waits';

const placeReady = (engine: Engine, actor: RunActor, draft: TurnDraft, task: ReadyTask, now: number): Placement => {
  const step = actor.state.graph.byId.get(task.stepId);
  if (step === undefined) return 'waits';
  const taskClass = engine.classes.of(actor.tenant, step);
  if (draft.waits.has(taskClass)) {
    draft.wants.set(taskClass, (draft.wants.get(taskClass) ?? 0) + 1);
    return 'waits';
  }
  const prepared = prepareTask(engine, actor, task.step, step);
  if (prepared.status === 'pending') return 'waits';
  if (prepared.status === 'failed') {
    actor.preparations.delete(task.step);
    const failed = apply(engine, actor, draft, { type: 'fail_step', step: task.step, error: prepared.error }, now);
    return failed.status === 'recorded' ? 'failed' : 'waits';
  }
  const redeliverAt = redeliveryAt(engine, actor, task.step, now);
  if (redeliverAt > now) {
    draft.redeliverAt = Math.min(draft.redeliverAt ?? redeliverAt, redeliverAt);
    return 'waits';
  }
  const snapshot = step.action.kind === 'agent' ? versionsOfStep(actor.state, task.step).snapshotDigest : undefined;
  const slot = engine.dispatcher.take(actor, taskClass, snapshot);
  if (!slot.ok) {
    draft.waits.set(taskClass, slot.error);
    draft.wants.set(taskClass, (draft.wants.get(taskClass) ?? 0) + 1);
    return 'waits';
  }
  const { workerId, sessionId } = slot.value;
  const lease = apply(engine, actor, draft, { type: 'lease', step: task.step, workerId, sessionId }, now);
  if (lease.status !== 'recorded') return 'waits';
  actor.preparations.delete(task.step);
  actor.redeliveries.delete(task.step);
  engine.redeliveries.leased();
  slot.value.reserved += 1;
  engine.fleet.refresh(slot.value);
  draft.leased.push({ task, token: actor.state.seq, session: slot.value, inputs: prepared.value });
  return 'leased';
};

/** Leases what has a slot. Items of one step are leased in item order, so the first that waits ends its step's turn. */
const placeAll = (engine: Engine, actor: RunActor, draft: TurnDraft, plan: RunPlan, now: number): boolean => {
  const stopped = new Set<StepId>();
  let changed = false;
  draft.wants.clear();
  draft.waits.clear();
  for (const task of plan.ready) {
    if (stopped.has(task.stepId)) {
      const step = actor.state.graph.byId.get(task.stepId);
      const taskClass = step === undefined ? undefined : engine.classes.of(actor.tenant, step);
      if (taskClass !== undefined && draft.waits.has(taskClass)) {
        draft.wants.set(taskClass, (draft.wants.get(taskClass) ?? 0) + 1);
      }
      continue;
    }
    const placement = placeReady(engine, actor, draft, task, now);
    if (placement === 'waits') stopped.add(task.stepId);
    else changed = true;
  }
  return changed;
};

/** An empty turn that has taken the mailbox. */
export const openDraft = (actor: RunActor): TurnDraft => {
  const batch = actor.mailbox;
  actor.mailbox = [];
  return {
    expectedSeq: actor.state.seq,
    held: heldSnapshots(actor.state),
    batch,
    settlements: [],
    facts: [],
    leased: [],
    wants: new Map(),
    waits: new Map(),
    called: [],
    proposals: [],
    ended: [],
    cancel: [],
    cancelCalls: [],
    redeliverAt: undefined,
    dueAt: undefined,
  };
};

/**
 * Applies all commands of the draft in order, then plans until nothing follows from the state. Synchronous: it changes the run's
 * state in memory and reserves slots, and the caller makes it durable or throws it away.
 */
export const planTurn = (engine: Engine, actor: RunActor, draft: TurnDraft): void => {
  const now = engine.deps.clock.now();
  applyBatch(engine, actor, draft, now);
  for (let round = 0; ; round += 1) {
    if (round > maxRounds) throw new DomainError('internal', 'the plan of a run does not come to an end');
    const plan = planRun(actor.state, now);
    if (plan.facts.some(({ type }) => !engine.members.mayWrite(type))) {
      // See `notYetWritten`: the run rests until then.
      draft.dueAt = now + unwrittenMs;
      break;
    }
    if (plan.facts.length > 0) {
      evolveFacts(engine, actor, draft, plan.facts);
      draft.facts.push(...plan.facts);
      continue;
    }
    draft.cancel = plan.cancel;
    draft.cancelCalls = plan.cancelCalls;
    draft.dueAt = plan.dueAt;
    if (isTerminalRun(actor.state.status)) break;
    let changed = false;
    for (const stepId of plan.expand) changed = expandStep(engine, actor, draft, stepId, now) || changed;
    if (changed) continue;
    for (const task of plan.calls) changed = beginCall(engine, actor, draft, task, now) || changed;
    draft.redeliverAt = undefined;
    for (const task of plan.waits) changed = beginWait(engine, actor, draft, task, now) || changed;
    if (plan.ready.length > 0) changed = placeAll(engine, actor, draft, plan, now) || changed;
    if (!changed) break;
  }
  const { redeliverAt } = draft;
  if (redeliverAt !== undefined) draft.dueAt = Math.min(draft.dueAt ?? redeliverAt, redeliverAt);
};
