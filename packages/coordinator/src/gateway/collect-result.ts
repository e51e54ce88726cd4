import type { TaskRef, TaskResult } from '@skein/domain';
import { findTarget, isDomainError, shardOf } from '@skein/domain';
import { tellFenced } from '../delivery/fenced-writes.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import { isLeaseOf } from '../fleet/is-lease-of.ts';
import { loseTask } from '../fleet/lose-task.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { leaseAt } from '../run/lease-at.ts';
import { loadRun } from '../run/load-run.ts';
import type { RunActor, Settlement } from '../run/run-actor.ts';
import { postCommand } from '../run/run-turn.ts';
import { auditFenced } from './audit-worker.ts';
import { boundResult, isLarge, spillResult } from './bound-result.ts';
import { isSameResult } from './same-result.ts';
import { sharedRead } from './shared-reads.ts';

/** Pauses after refusals in a row, in ms: doubled each time up to the last. */
const firstPauseMs = 100;
const maxPauseMs = 5_000;

/** What became of a result. `conflict`: its token is that of a recorded result, which says something else. */
type Judgement = 'recorded' | 'repeated' | 'stale' | 'conflict';

const acknowledge = (engine: Engine, session: WorkerSession, task: TaskRef, judgement: Judgement): void => {
  const { runId, step, attempt, token } = task;
  engine.deps.meter.count(metric.results, 1, { outcome: judgement });
  if (judgement === 'stale' || judgement === 'conflict') {
    tellFenced(engine, session.tenant, task, 'result', judgement);
    auditFenced(engine, session, `result_${judgement}`, task);
    const message = judgement === 'stale' ? 'stale result refused' : 'another result under a recorded token refused';
    engine.deps.log.warn(message, {
      runId,
      stepId: step,
      attempt,
      fencingToken: token,
      workerId: session.workerId,
    });
  }
  session.tasks.delete(taskKey(task));
  session.send({ type: 'result_acknowledged', task: { runId, step, attempt, token }, outcome: judgement });
};

/** A result whose token is recorded already: the same again, or another one. */
const judgeRepetition = async (
  engine: Engine,
  session: WorkerSession,
  result: TaskResult,
  tries: number,
): Promise<void> => {
  try {
    const isSame = await isSameResult(engine, session.tenant, result);
    acknowledge(engine, session, result, isSame ? 'repeated' : 'conflict');
  } catch (thrown) {
    engine.deps.log.warn('result cannot be compared now', { runId: result.runId, error: thrown });
    if (isPassing(thrown)) collectLater(engine, session, result, tries);
  }
};

const outcomeOf = (settlement: Settlement): Judgement | undefined => {
  switch (settlement.status) {
    case 'recorded':
      return settlement.facts > 0 ? 'recorded' : 'repeated';
    case 'refused':
      return 'stale';
    case 'failed':
    case 'duplicate':
      return undefined;
  }
};

/** A worker that keeps refusing gets nothing for a while, so that an offer does not go round at full speed. */
export const noteRefusal = (engine: Engine, session: WorkerSession): void => {
  session.refusals += 1;
  const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(10, session.refusals - 1));
  session.pausedUntil = engine.deps.clock.monotonicMs() + pauseMs;
  engine.fleet.refresh(session);
  engine.deps.clock.after(pauseMs, () => {
    if (session.pausedUntil > engine.deps.clock.monotonicMs()) return;
    session.pausedUntil = 0;
    engine.fleet.refresh(session);
    engine.dispatcher.pump();
  });
};

/**
 * A result says that its slot is free; the worker's own count follows in the same frame and replaces this one. So the next task of
 * a chain is leased in the commit that records this result. Never more than the slots that no known task holds.
 */
export const creditSlot = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  // The slots of a worker of a peer are granted by that.
  if (session.link === undefined || session.via !== undefined) return;
  const key = taskKey(result);
  if (!session.tasks.has(key) && !session.foreign.has(key)) return;
  const unseen = session.offersSent - session.offersSeen;
  const held = session.tasks.size + session.foreign.size;
  session.credits = Math.max(session.credits, Math.min(session.credits + 1, session.slots - held + 1 + unseen));
  engine.fleet.refresh(session);
};

const record = (engine: Engine, session: WorkerSession, actor: RunActor, result: TaskResult, tries: number): void => {
  postCommand(engine, actor, {
    command: { type: 'finish', workerId: session.workerId, result },
    settle: (settlement) => {
      const outcome = outcomeOf(settlement);
      if (outcome === 'repeated') void judgeRepetition(engine, session, result, tries);
      else if (outcome !== undefined) acknowledge(engine, session, result, outcome);
      else if (settlement.status === 'failed') collectLater(engine, session, result, tries);
    },
  });
};

/** The run is being read again, or the store is away: the result is tried again, as the worker would. */
const collectLater = (engine: Engine, session: WorkerSession, result: TaskResult, tries: number): void => {
  if (engine.phase !== 'running') return;
  engine.deps.clock.after(Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(10, tries)), () => {
    if (engine.phase === 'running') take(engine, session, result, tries + 1);
  });
};

/** The run of a result whose lease is current, though the run is not in memory. Its worker counts as the holder, so that it is not lost on the way. */
const openForHolder = async (engine: Engine, session: WorkerSession, result: TaskResult): Promise<RunActor> => {
  const { runId, step, attempt, token } = result;
  const key = taskKey(result);
  session.tasks.set(key, {
    key,
    tenant: session.tenant,
    ref: { runId, step, attempt, token },
    offeredAt: engine.deps.clock.monotonicMs(),
    progressAt: engine.deps.clock.monotonicMs(),
    state: 'running',
    received: true,
    started: 'yes',
  });
  return engine.runs.open(engine, session.tenant, runId);
};

/** A result of a run that is not in memory: it is over, or unknown, or was not read yet; the log says which. */
const judgeFromLog = async (
  engine: Engine,
  session: WorkerSession,
  result: TaskResult,
  tries: number,
): Promise<void> => {
  try {
    const { tenant } = session;
    // Only looked at: several results may share it.
    const { state } = await sharedRead(engine, `run ${tenant} ${result.runId}`, () =>
      loadRun(engine, tenant, result.runId),
    );
    const target = findTarget(state, result.step)?.target;
    const isCurrent = target?.lease?.token === result.token && isLeaseOf(target.lease, session);
    const actor =
      engine.runs.find(result.runId) ?? (isCurrent ? await openForHolder(engine, session, result) : undefined);
    if (actor !== undefined) record(engine, session, actor, result, tries);
    else if (target?.resultToken === result.token) await judgeRepetition(engine, session, result, tries);
    else acknowledge(engine, session, result, 'stale');
  } catch (thrown) {
    if (isDomainError(thrown) && thrown.code === 'not_found') acknowledge(engine, session, result, 'stale');
    else {
      engine.deps.log.warn('result cannot be judged now', { runId: result.runId, error: thrown });
      if (isPassing(thrown)) collectLater(engine, session, result, tries);
    }
  }
};

/**
 * Takes a result: the holder of the current token is recorded, a repetition is a no-op, anything else is stale (R2, D3), another result
 * under a recorded token too.
 * It is acknowledged only once the log holds it, on whatever stream the worker has then.
 */
export const collectResult = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  if (result.outcome.status === 'released') noteRefusal(engine, session);
  else creditSlot(engine, session, result);
  take(engine, session, result, 0);
};

/** The run is at home elsewhere by now: its home gets the result, from whoever holds the worker's stream. */
const isElsewhere = (engine: Engine, session: WorkerSession, result: TaskResult): boolean => {
  if (!engine.peers.isActive || engine.runs.shards.has(shardOf(result.runId))) return false;
  session.tasks.delete(taskKey(result));
  if (session.via === undefined) engine.peers.passOn(session, { type: 'result', result });
  return true;
};

/** The lease is that of another process, also if it had the same worker id. What it held is lost: whoever has its name now has not got it. */
const refuseForged = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  const held = engine.fleet.held(session, result);
  if (held !== undefined) loseTask(engine, session, held, 'worker_forgot');
  acknowledge(engine, session, result, 'stale');
};

const take = (engine: Engine, session: WorkerSession, result: TaskResult, tries: number): void => {
  if (isElsewhere(engine, session, result)) return;
  if (engine.fleet.held(session, result)?.waitingCheckpoints !== undefined) {
    collectLater(engine, session, result, tries); // K2
    return;
  }
  const actor = engine.runs.find(result.runId);
  if (actor === undefined || actor.tenant !== session.tenant) {
    void judgeFromLog(engine, session, result, tries);
    return;
  }
  const lease = leaseAt(actor.state, result.step);
  if (lease?.token === result.token && !isLeaseOf(lease, session)) {
    refuseForged(engine, session, result);
    return;
  }
  const bounded = boundResult(result);
  if (!isLarge(bounded)) {
    record(engine, session, actor, bounded, tries);
    return;
  }
  spillResult(engine, session.tenant, bounded).then(
    (smaller) => {
      const current = engine.runs.find(result.runId);
      if (current === undefined) void judgeFromLog(engine, session, smaller, tries);
      else record(engine, session, current, smaller, tries);
    },
    (thrown: unknown) => {
      engine.deps.log.warn('values of a result were not stored', { runId: result.runId, error: thrown });
      collectLater(engine, session, result, tries);
    },
  );
};
