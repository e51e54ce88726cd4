import type { RunState, StepPath, TaskOffer, VersionId } from '@skein/domain';
import { findTarget, versionsOfStep } from '@skein/domain';
import { sendUnread } from '../delivery/deliver-messages.ts';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { loseTask } from '../fleet/lose-task.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { leaseAt } from '../run/lease-at.ts';
import type { LeasedTask } from '../run/plan-turn.ts';
import type { RunActor } from '../run/run-actor.ts';
import { traceparentOfTask } from '../trace/trace-of-run.ts';
import { offeredDefinition } from './offered-definition.ts';
import { attachSnapshot } from './send-snapshot.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const versionsOf = ({ agents }: Pick<RunState, 'agents'>): { readonly [agentId: string]: VersionId } =>
  Object.fromEntries(Object.entries(agents).map(([agentId, { versionId }]) => [agentId, versionId]));

/** The worker opened another stream while the lease was on its way to the disk, and has no slot for the task any more. */
const isBusy = (session: WorkerSession, state: RunState, step: StepPath): boolean =>
  session.credits <= session.offersSent - session.offersSeen && leaseAt(state, step)?.sessionId !== session.sessionId;

/** Sends the offer of a task whose lease is durable, and notes who holds it. */
export const offerTask = (engine: Engine, actor: RunActor, leased: LeasedTask): void => {
  const { state } = actor;
  const { session, task, token, inputs } = leased;
  const definition = state.graph.byId.get(task.stepId);
  // Its next home may have read the run before the lease was in the log: what nobody offers runs once.
  if (definition === undefined || actor.dropped) return;
  const ref = { runId: actor.runId, step: task.step, attempt: task.attempt, token };
  const key = taskKey(ref);
  const held: Writable<HeldTask> = {
    key,
    tenant: actor.tenant,
    ref,
    offeredAt: engine.deps.clock.monotonicMs(),
    progressAt: engine.deps.clock.monotonicMs(),
    state: 'leased',
    received: false,
    started: 'no',
  };
  const isGone = engine.fleet.ofWorker(session.workerId) !== session || session.link === undefined || session.silent;
  // A slot of a worker of a peer is gone with the stream on which it was granted.
  const isVoid = session.via === undefined ? isBusy(session, state, task.step) : session.credits <= session.offersSent;
  if (isGone || isVoid) {
    // The worker was lost, or fell silent, while the lease was on its way to the disk: it never heard of the task, and to be absent is no attempt.
    loseTask(engine, session, { ...held, started: 'never' }, 'refused');
    return;
  }
  session.tasks.set(key, held);
  const isAgent = definition.action.kind === 'agent';
  // What had begun before a migration goes on with what it began with.
  const own = versionsOfStep(state, task.step);
  const digest = own.snapshotDigest;
  const sealed = digest === undefined || !isAgent ? undefined : engine.sealed.find(digest);
  // Plain properties first: a literal that begins with a spread costs more than all the rest of an offer.
  const offer: Writable<TaskOffer> = {
    runId: ref.runId,
    step: ref.step,
    attempt: ref.attempt,
    token: ref.token,
    tenant: actor.tenant,
    dagName: state.dag.name,
    stepId: task.stepId,
    definition: offeredDefinition(definition).definition,
    refs: inputs.refs,
    upstreamEnv: inputs.upstreamEnv,
    agents: isAgent ? versionsOf(own) : {},
    leaseMs: engine.config.leaseMs,
    // Params that the step refers to are in `refs`; all of them with every task could fill the frame.
    run: { id: actor.runId, createdAt: new Date(state.createdAt).toISOString(), params: {} },
  };
  if (inputs.item !== undefined) offer.item = inputs.item;
  if (inputs.resume !== undefined) offer.resume = inputs.resume;
  if (isAgent && state.source.kind === 'evaluation' && state.source.playback !== undefined)
    offer.playback = state.source.playback;
  if (engine.deps.tracer?.isOn === true) offer.traceparent = traceparentOfTask(engine, state, token);
  const target = findTarget(state, task.step)?.target;
  const round = target?.round ?? 0;
  if (round > 0) offer.round = round;
  const unread = target?.mailbox?.unread ?? 0;
  if (unread > 0) offer.unread = unread;
  const { feedback } = state;
  if (feedback?.to === task.stepId) {
    offer.run = { ...offer.run, feedback: { by: feedback.by, text: feedback.text, round: feedback.round } };
  }
  if (digest !== undefined && isAgent) {
    const { attachment, transfer } = attachSnapshot(engine, session, digest, sealed);
    offer.snapshot = attachment;
    if (transfer !== undefined) held.transfer = transfer;
  } else if (digest !== undefined) {
    offer.snapshot = { digest };
  }
  session.offersSent += 1;
  session.offered += 1;
  engine.fleet.refresh(session);
  engine.deps.meter.count(metric.tasksOffered);
  session.send({ type: 'offer', offer });
  sendUnread(engine, actor, task.step);
};
