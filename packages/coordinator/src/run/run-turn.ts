import type { StepPath } from '@skein/domain';
import { DomainError, encodeRunState, heldSnapshots, isDomainError, isTerminalRun } from '@skein/domain';
import type { AppendOutcome, AppendRequest } from '@skein/ports';
import { deliverMessages } from '../delivery/deliver-messages.ts';
import { recordsOf } from '../delivery/records-of-turn.ts';
import { offerTask } from '../dispatch/offer-task.ts';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { cancelHeldTask } from '../fleet/cancel-held-task.ts';
import { onAgentStepFinished, onRunFinished } from '../rollout/on-run-finished.ts';
import { recordTurn } from '../trace/record-turn.ts';
import type { NewExposure } from './exposures-of.ts';
import { exposuresOf } from './exposures-of.ts';
import { headOf } from './head-of.ts';
import type { TurnDraft } from './plan-turn.ts';
import { openDraft, planTurn } from './plan-turn.ts';
import { recoverRun } from './recover-run.ts';
import type { PendingCommand, RunActor, Settlement } from './run-actor.ts';
import { tendCaller } from './tend-call.ts';

/*
 * The driver of one run.
 *  T1 one turn at a time: while an append is in flight, commands wait in the mailbox and make the next turn together
 *  T2 one append per turn
 *  T3 effects (offers, cancels, answers, wake-ups) only after the append is durable
 *  T4 an append that is not known to be durable throws the state away; the log says what holds (recover-run.ts)
 *  T6 while the store says that it cannot write, runs have no turns; when it can again, all have one
 *  T7 a coordinator that did not renew its shards in time has no turns until it did: its memory may be behind the log
 *  T8 a run whose shard is given away has no turn any more: what waits for one is told to ask elsewhere
 *  T5 a turn never awaits a peer, and an error of one run never leaves it
 */

/** Bugs in a row after which a run waits for the sweep instead of turning at once. */
const maxBugs = 3;

/** Puts a command into the run's mailbox and gives it a turn. */
export const postCommand = (engine: Engine, actor: RunActor, pending: PendingCommand): void => {
  if (actor.dropped) {
    pending.settle?.({ status: 'failed', error: new DomainError('unavailable', 'the run is being loaded again') });
    return;
  }
  actor.mailbox.push(pending);
  engine.wake(actor);
};

/** The same, as a promise of what became of it. */
export const askRun = (engine: Engine, actor: RunActor, command: PendingCommand['command']): Promise<Settlement> =>
  new Promise((resolve) => {
    postCommand(engine, actor, { command, settle: resolve });
  });

/** Gives a run its turn at the end of the current callback, so that all messages of one frame make one turn. */
export const wakeRun = (engine: Engine, actor: RunActor): void => {
  if (actor.scheduled || actor.inFlight !== undefined || actor.dropped) return;
  // T6
  if (engine.store.reason !== undefined && actor.creation === undefined) return;
  actor.scheduled = true;
  queueMicrotask(() => {
    actor.scheduled = false;
    // T7
    if (engine.deps.clock.monotonicMs() >= engine.runs.homeUntil) return;
    // T8
    if (!engine.runs.shards.has(actor.shard)) return;
    if (actor.inFlight === undefined && !actor.dropped && engine.phase !== 'stopped') takeTurn(engine, actor);
  });
};

const takeTurn = (engine: Engine, actor: RunActor): void => {
  const draft = openDraft(actor);
  try {
    planTurn(engine, actor, draft);
  } catch (thrown) {
    giveBackSlots(engine, draft);
    onBug(engine, actor, draft.batch, thrown);
    return;
  }
  engine.dispatcher.releaseGrants(actor);
  if (draft.facts.length === 0) {
    afterTurn(engine, actor, draft);
    engine.dispatcher.pump();
    return;
  }
  const flight = commit(engine, actor, draft).catch((thrown: unknown) => onBug(engine, actor, [], thrown));
  actor.inFlight = flight;
  void flight.then(() => {
    // Another flight: a bug is being mended, and the state in memory is worth nothing.
    if (actor.inFlight !== flight) return;
    actor.inFlight = undefined;
    retire(engine, actor);
    wakeIfNeeded(engine, actor);
  });
};

const wakeIfNeeded = (engine: Engine, actor: RunActor): void => {
  if (actor.mailbox.length > 0 || actor.grants.length > 0 || actor.preparations.size > 0) wakeRun(engine, actor);
};

/** What of the snapshots beside the head's changes with this turn. */
const holdsOf = (actor: RunActor, { held }: TurnDraft): Pick<AppendRequest, 'holds'> => {
  const after = heldSnapshots(actor.state);
  if (held.length === 0 && after.length === 0) return {};
  const take = after.filter((digest) => !held.includes(digest));
  const release = held.filter((digest) => !after.includes(digest));
  return take.length + release.length === 0 ? {} : { holds: { take, release } };
};

const requestOf = (actor: RunActor, draft: TurnDraft, exposures: readonly NewExposure[]): AppendRequest => ({
  tenant: actor.tenant,
  runId: actor.runId,
  expectedSeq: draft.expectedSeq,
  facts: draft.facts,
  head: headOf(actor.state, actor.shard, draft.dueAt),
  ...(actor.creation === undefined ? {} : { creation: actor.creation }),
  ...(actor.pins === undefined ? {} : { pinsSnapshot: actor.pins }),
  ...(actor.expectsRevision === undefined ? {} : { expectsRevision: actor.expectsRevision }),
  ...(draft.proposals.length === 0 ? {} : { proposals: draft.proposals }),
  ...(exposures.length === 0 ? {} : { exposures: exposures.map(({ exposure }) => exposure) }),
  ...(actor.tallies.length === 0 ? {} : { tallies: actor.tallies }),
  ...holdsOf(actor, draft),
  ...recordsOf(actor.state, draft.facts),
});

/** What an outcome says of the store's health: an input that it refuses is no failure of the store. */
const endOf = (
  outcome: AppendOutcome | { readonly status: 'unknown'; readonly error: DomainError },
): 'durable' | 'refused' | 'unknown' => {
  if (outcome.status === 'appended') return 'durable';
  if (outcome.status !== 'unknown') return 'refused';
  const { code } = outcome.error;
  return code === 'too_large' || code === 'invalid_argument' || code === 'version_conflict' ? 'refused' : 'unknown';
};

const commit = async (engine: Engine, actor: RunActor, draft: TurnDraft): Promise<void> => {
  const { health, deps } = engine;
  const beganAt = health.appendBegins();
  const exposures = exposuresOf(actor, draft.facts);
  const request = requestOf(actor, draft, exposures);
  let outcome: AppendOutcome | { readonly status: 'unknown'; readonly error: DomainError };
  try {
    outcome = await deps.runs.append(request);
  } catch (thrown) {
    const error = isDomainError(thrown) ? thrown : new DomainError('internal', 'the append failed', undefined, thrown);
    if (!isDomainError(thrown)) deps.log.error('append of a run failed', { runId: actor.runId, error: thrown });
    outcome = { status: 'unknown', error };
  }
  health.appendEnds(beganAt, endOf(outcome));
  if (outcome.status === 'unknown') engine.store.failed(outcome.error);
  if (engine.phase === 'stopped') {
    giveBackSlots(engine, draft);
    settleAll(engine, draft.batch, () => ({
      status: 'failed',
      error: new DomainError('unavailable', 'the coordinator stopped'),
    }));
    return;
  }
  switch (outcome.status) {
    case 'appended':
      actor.creation = undefined;
      actor.pins = undefined;
      actor.expectsRevision = undefined;
      actor.tallies = [];
      for (const { agentId } of exposures) actor.exposed.add(agentId);
      actor.largeParams = undefined;
      actor.bugs = 0;
      actor.doubts = 0;
      for (const { kind, reason } of request.deadLetters ?? [])
        deps.meter.count(metric.deadLetters, 1, { outcome: 'dead_lettered', kind, reason });
      afterTurn(engine, actor, draft);
      saveCheckpointIfDue(engine, actor);
      break;
    case 'duplicate': {
      const { runId, sameBody } = outcome;
      giveBackSlots(engine, draft);
      engine.runs.drop(engine, actor);
      settleAll(engine, draft.batch, () => ({ status: 'duplicate', runId, sameBody }));
      break;
    }
    case 'conflict':
      giveBackSlots(engine, draft);
      await recoverRun(
        engine,
        actor,
        draft.batch,
        new DomainError('version_conflict', 'the run changed since it was read'),
        'from_log',
      );
      break;
    case 'unknown':
      giveBackSlots(engine, draft);
      if (outcome.error.code === 'data_corrupt') {
        const { error } = outcome;
        engine.runs.quarantine(engine, actor, error);
        settleAll(engine, draft.batch, () => ({ status: 'failed', error }));
        break;
      }
      if (neverAppends(outcome.error)) {
        onBug(engine, actor, draft.batch, outcome.error);
        break;
      }
      await recoverRun(engine, actor, draft.batch, outcome.error);
      break;
  }
  engine.dispatcher.pump();
};

/** The store will refuse these facts however often they come. */
const neverAppends = ({ code }: DomainError): boolean => code === 'too_large' || code === 'invalid_argument';

/**
 * A turn that threw, or whose facts no store takes: its state is worth nothing; the commands are answered and the run is read again.
 * What says that a lease has ended is asked again, because only it knows whether the step had begun.
 */
const onBug = (engine: Engine, actor: RunActor, batch: readonly PendingCommand[], thrown: unknown): void => {
  engine.deps.log.error('turn of a run failed', { runId: actor.runId, error: thrown });
  actor.bugs += 1;
  const error = isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error', undefined, thrown);
  settleAll(engine, batch, () => ({ status: 'failed', error }));
  const losses = batch.filter(({ command }) => command.type === 'lose');
  engine.dispatcher.releaseGrants(actor);
  if (actor.bugs > maxBugs || actor.creation !== undefined) {
    engine.runs.drop(engine, actor);
    return;
  }
  const flight = recoverRun(engine, actor, losses, error).catch((again: unknown) => {
    engine.deps.log.error('run cannot be read again', { runId: actor.runId, error: again });
    engine.runs.drop(engine, actor);
  });
  actor.inFlight = flight;
  void flight.then(() => {
    if (actor.inFlight === flight) actor.inFlight = undefined;
    wakeIfNeeded(engine, actor);
  });
};

const giveBackSlots = (engine: Engine, draft: TurnDraft): void => {
  for (const { session } of draft.leased) {
    session.reserved -= 1;
    engine.fleet.refresh(session);
  }
};

const settleAll = (
  engine: Engine,
  batch: readonly PendingCommand[],
  settlement: (index: number) => Settlement,
): void => {
  batch.forEach(({ settle }, index) => {
    try {
      settle?.(settlement(index));
    } catch (thrown) {
      engine.deps.log.error('answer to a command failed', { error: thrown });
    }
  });
};

/** Children are created once their calls are durable, and told to stop once that is. */
const followCalls = (engine: Engine, actor: RunActor, draft: TurnDraft): void => {
  for (const { step, childRunId, prepared } of draft.called) {
    actor.called.set(childRunId, prepared);
    engine.calls.tend({ tenant: actor.tenant, parentRunId: actor.runId, step, childRunId });
  }
  actor.stopping = new Set(draft.cancelCalls.map(({ childRunId }) => childRunId));
  for (const { step, childRunId } of draft.cancelCalls) {
    if (!actor.stopped.has(childRunId))
      engine.calls.tend({ tenant: actor.tenant, parentRunId: actor.runId, step, childRunId });
  }
};

const isAgentStep = ({ state }: RunActor, path: StepPath): boolean => {
  const bracket = path.endsWith(']') ? path.lastIndexOf('[') : path.length;
  return state.graph.byId.get(path.slice(0, bracket))?.action.kind === 'agent';
};

/** T3: what the world may see of a turn. */
const afterTurn = (engine: Engine, actor: RunActor, draft: TurnDraft): void => {
  giveBackSlots(engine, draft);
  for (const leased of draft.leased) offerTask(engine, actor, leased);
  for (const task of draft.cancel) cancelHeldTask(engine, actor, task);
  deliverMessages(engine, actor, draft.facts, draft.leased);
  followCalls(engine, actor, draft);
  settleAll(engine, draft.batch, (index) => draft.settlements[index] ?? { status: 'recorded', facts: 0 });
  for (const taskClass of new Set([...actor.waits.keys(), ...draft.waits.keys()])) {
    engine.dispatcher.want(actor, taskClass, draft.waits.has(taskClass) ? (draft.wants.get(taskClass) ?? 1) : 0);
  }
  actor.waits.clear();
  for (const [taskClass, reason] of draft.waits) actor.waits.set(taskClass, reason);
  engine.wheel.set(actor.runId, isTerminalRun(actor.state.status) ? undefined : draft.dueAt);
  if (draft.facts.length > 0) engine.watchers.notify(actor.runId);
  const isOver = draft.facts.at(-1)?.type === 'run_finished';
  if (engine.deps.tracer?.isOn === true) recordTurn(engine, actor.state, draft.ended, isOver);
  if (isOver) {
    engine.deps.meter.count(metric.runsFinished, 1, { status: actor.state.status });
    tendCaller(engine, actor.state);
    onRunFinished(engine, actor.state);
  }
  for (const fact of draft.facts) {
    if (fact.type === 'step_finished' && isAgentStep(actor, fact.step))
      onAgentStepFinished(engine, actor.state, fact.step);
  }
  if (actor.state.status === 'running' && !actor.counted) engine.window.entered(actor);
  // Runs that wait for a person, perhaps for weeks, keep no other run from beginning.
  if (actor.state.status === 'waiting') engine.window.left(actor);
  retire(engine, actor);
};

/** Drops what needs no driving: runs that are over, and queued ones, which wait in the store. */
const retire = (engine: Engine, actor: RunActor): void => {
  if (actor.dropped || actor.mailbox.length > 0) return;
  const over = isTerminalRun(actor.state.status);
  if (!over && actor.state.status !== 'queued') return;
  actor.inFlight = undefined;
  engine.runs.drop(engine, actor);
};

const saveCheckpointIfDue = (engine: Engine, actor: RunActor): void => {
  const { state, tenant, runId } = actor;
  if (actor.dropped || state.seq - actor.checkpointSeq < engine.config.checkpointFacts) return;
  actor.checkpointSeq = state.seq;
  // Large params are in the blob store already.
  const slim = state.paramsRef === undefined ? state : { ...state, params: {} };
  const body = new TextEncoder().encode(encodeRunState(slim));
  engine.deps.runs.saveCheckpoint({ tenant, runId, seq: state.seq, body }).catch((thrown: unknown) => {
    engine.deps.log.warn('state checkpoint was not saved', { runId, error: thrown });
  });
};
