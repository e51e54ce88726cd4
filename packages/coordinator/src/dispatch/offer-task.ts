import type { Digest, TaskOffer, VersionId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { loseTask } from '../fleet/end-session.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import type { LeasedTask } from '../run/plan-turn.ts';
import type { RunActor } from '../run/run-actor.ts';
import type { SealedSnapshot } from '../submit/sealed-snapshots.ts';
import { offeredDefinition } from './offered-definition.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const versionsOf = (actor: RunActor): { readonly [agentId: string]: VersionId } =>
  Object.fromEntries(Object.entries(actor.state.agents).map(([agentId, { versionId }]) => [agentId, versionId]));

/** S5: the parts that the worker lacks, once; it counts as holding them from then on, because the stream keeps order. */
const attach = (
  engine: Engine,
  session: WorkerSession,
  digest: Digest,
  sealed: SealedSnapshot | undefined,
): TaskOffer['snapshot'] => {
  if (sealed === undefined) return { digest };
  if (session.holdings.has(digest) && sealed.manifest.parts.every((part) => session.holdings.has(part.digest))) {
    session.snapshotBytesSaved += engine.sealed.envelope(sealed, []).byteLength;
    return { digest };
  }
  const envelope = engine.sealed.envelope(sealed, session.holdings);
  if (envelope.byteLength > engine.config.maxAttachedBytes) return { digest };
  noteSent(engine, session, sealed, envelope.byteLength);
  return { digest, envelope };
};

/** Counts a transfer, and remembers what the worker holds now. */
export const noteSent = (engine: Engine, session: WorkerSession, sealed: SealedSnapshot, bytes: number): void => {
  const whole = engine.sealed.envelope(sealed, []).byteLength;
  session.snapshotsReceived += 1;
  session.snapshotBytesReceived += bytes;
  session.snapshotBytesSaved += Math.max(0, whole - bytes);
  session.holdings.add(sealed.digest);
  for (const part of sealed.manifest.parts) session.holdings.add(part.digest);
  engine.deps.meter.count(metric.snapshotBytesSent, bytes);
};

/** Sends the offer of a task whose lease is durable, and notes who holds it. */
export const offerTask = (engine: Engine, actor: RunActor, leased: LeasedTask): void => {
  const { state } = actor;
  const { session, task, token, inputs } = leased;
  const definition = state.graph.byId.get(task.stepId);
  if (definition === undefined) return;
  const ref = { runId: actor.runId, step: task.step, attempt: task.attempt, token };
  const key = taskKey(ref);
  const held = {
    key,
    tenant: actor.tenant,
    ref,
    offeredAt: engine.deps.clock.monotonicMs(),
    received: false,
    started: 'no' as const,
  };
  if (engine.fleet.ofWorker(session.workerId) !== session) {
    // The worker was given up while the lease was on its way to the disk: it never heard of the task.
    loseTask(engine, session, { ...held, started: 'never' }, 'lease_lapsed');
    return;
  }
  session.tasks.set(key, held);
  if (session.link === undefined) return;
  const isAgent = definition.action.kind === 'agent';
  const digest = state.snapshotDigest;
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
    agents: isAgent ? versionsOf(actor) : {},
    leaseMs: engine.config.leaseMs,
    // Params that the step refers to are in `refs`; all of them with every task could fill the frame.
    run: { id: actor.runId, createdAt: new Date(state.createdAt).toISOString(), params: {} },
  };
  if (inputs.item !== undefined) offer.item = inputs.item;
  if (digest !== undefined) {
    offer.snapshot = (isAgent ? attach(engine, session, digest, sealed) : undefined) ?? { digest };
  }
  session.offersSent += 1;
  session.offered += 1;
  engine.fleet.refresh(session);
  engine.deps.meter.count(metric.tasksOffered);
  session.send({ type: 'offer', offer });
};
