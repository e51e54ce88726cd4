import type { TaskRef, TaskResult, ValueRef } from '@skein/domain';
import { isDomainError, maxInlineValueBytes, utf8Length } from '@skein/domain';
import { storeValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { loadRun } from '../run/load-run.ts';
import type { RunActor, Settlement } from '../run/run-actor.ts';
import { postCommand } from '../run/run-turn.ts';

/** Inline bytes of one result; above it the largest values go to the blob store first, so that its fact stays within 64 KiB. */
const maxInlineResultBytes = 40 * 1024;

/** Pauses after refusals in a row, in ms: doubled each time up to the last. */
const firstPauseMs = 100;
const maxPauseMs = 5_000;

type Acknowledgement = 'recorded' | 'repeated' | 'stale';

const acknowledge = (engine: Engine, session: WorkerSession, task: TaskRef, outcome: Acknowledgement): void => {
  const { runId, step, attempt, token } = task;
  engine.deps.meter.count(metric.results, 1, { outcome });
  if (outcome === 'stale') {
    engine.deps.log.warn('stale result refused', {
      runId,
      stepId: step,
      attempt,
      fencingToken: token,
      workerId: session.workerId,
    });
  }
  session.tasks.delete(taskKey(task));
  session.send({ type: 'result_acknowledged', task: { runId, step, attempt, token }, outcome });
};

const outcomeOf = (settlement: Settlement): Acknowledgement | undefined => {
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
const noteRefusal = (engine: Engine, session: WorkerSession): void => {
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
const creditSlot = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  if (session.link === undefined || !session.tasks.has(taskKey(result))) return;
  const unseen = session.offersSent - session.offersSeen;
  session.credits = Math.max(
    session.credits,
    Math.min(session.credits + 1, session.slots - session.tasks.size + 1 + unseen),
  );
  engine.fleet.refresh(session);
};

const inlineBytes = (ref: ValueRef | undefined): number =>
  ref === undefined || !('inline' in ref) ? 0 : utf8Length(JSON.stringify(ref.inline));

const isLarge = (result: TaskResult): boolean => {
  let bytes = inlineBytes(result.stdout);
  for (const name in result.outputs) bytes += inlineBytes(result.outputs[name]);
  return bytes > maxInlineResultBytes;
};

/** Moves inline values out, the largest first, until the result fits into a fact. */
const spillResult = async (engine: Engine, session: WorkerSession, result: TaskResult): Promise<TaskResult> => {
  const outputs: { [name: string]: ValueRef } = { ...result.outputs };
  let { stdout } = result;
  const entries = [
    ...Object.entries(outputs).map(([name, ref]) => ({ name, ref })),
    ...(stdout === undefined ? [] : [{ name: undefined, ref: stdout }]),
  ]
    .map((entry) => ({ ...entry, bytes: inlineBytes(entry.ref) }))
    .sort((a, b) => b.bytes - a.bytes);
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, ref, bytes } of entries) {
    if ((left <= maxInlineResultBytes && bytes <= maxInlineValueBytes) || !('inline' in ref)) continue;
    const moved = await storeValue(engine, session.tenant, ref.inline);
    left -= bytes;
    if (name === undefined) stdout = moved;
    else outputs[name] = moved;
  }
  return stdout === undefined ? { ...result, outputs } : { ...result, outputs, stdout };
};

const record = (engine: Engine, session: WorkerSession, actor: RunActor, result: TaskResult): void => {
  postCommand(engine, actor, {
    command: { type: 'finish', workerId: session.workerId, result },
    settle: (settlement) => {
      const outcome = outcomeOf(settlement);
      if (outcome !== undefined) acknowledge(engine, session, result, outcome);
      else if (settlement.status === 'failed' && engine.phase === 'running') collectLater(engine, session, result);
    },
  });
};

/** The run is being read again, or the store is away: the result is tried again, as the worker would. */
const collectLater = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  engine.deps.clock.after(firstPauseMs, () => {
    if (engine.phase === 'running') take(engine, session, result);
  });
};

/** A result of a run that is not in memory: it is over, or unknown, or not ours to judge; the log says which. */
const judgeFromLog = async (engine: Engine, session: WorkerSession, result: TaskResult): Promise<void> => {
  try {
    const { state } = await loadRun(engine, session.tenant, result.runId);
    const actor = engine.runs.find(result.runId);
    if (actor !== undefined) {
      record(engine, session, actor, result);
      return;
    }
    const bracket = result.step.indexOf('[');
    const step = state.steps.get(bracket === -1 ? result.step : result.step.slice(0, bracket));
    const target = bracket === -1 ? step : step?.fanout?.states[Number(result.step.slice(bracket + 1, -1))];
    acknowledge(engine, session, result, target?.resultToken === result.token ? 'repeated' : 'stale');
  } catch (thrown) {
    if (isDomainError(thrown) && thrown.code === 'not_found') acknowledge(engine, session, result, 'stale');
    else {
      engine.deps.log.warn('result cannot be judged now', { runId: result.runId, error: thrown });
      if (isPassing(thrown)) collectLater(engine, session, result);
    }
  }
};

/**
 * Takes a result: the holder of the current token is recorded, a repetition is a no-op, anything else is stale (R2, D3).
 * It is acknowledged only once the log holds it, on whatever stream the worker has then.
 */
export const collectResult = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  if (result.outcome.status === 'released') noteRefusal(engine, session);
  else creditSlot(engine, session, result);
  take(engine, session, result);
};

const take = (engine: Engine, session: WorkerSession, result: TaskResult): void => {
  const actor = engine.runs.find(result.runId);
  if (actor === undefined || actor.tenant !== session.tenant) {
    void judgeFromLog(engine, session, result);
    return;
  }
  if (!isLarge(result)) {
    record(engine, session, actor, result);
    return;
  }
  spillResult(engine, session, result).then(
    (smaller) => {
      const current = engine.runs.find(result.runId);
      if (current === undefined) void judgeFromLog(engine, session, smaller);
      else record(engine, session, current, smaller);
    },
    (thrown: unknown) => {
      engine.deps.log.warn('values of a result were not stored', { runId: result.runId, error: thrown });
      collectLater(engine, session, result);
    },
  );
};
