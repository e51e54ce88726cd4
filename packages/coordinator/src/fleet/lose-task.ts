import type { LossReason, RunCommand, Step } from '@skein/domain';
import { shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { postCommand } from '../run/run-turn.ts';
import { jitterOf } from './jitter-of.ts';
import type { HeldTask, WorkerSession } from './worker-session.ts';

/** The step of a task, as the run that is in memory has it. */
export const definitionOf = (engine: Engine, held: HeldTask): Step | undefined =>
  engine.runs.find(held.ref.runId)?.state.graph.byId.get(held.ref.step.split('[')[0] ?? '');

/** What the log says about a lost task's start when the coordinator is not sure: a step that must not run twice counts as started. */
const startedOf = (engine: Engine, held: HeldTask): boolean => {
  if (held.started === 'yes') return true;
  if (held.started === 'never') return false;
  const mustNotRunTwice = definitionOf(engine, held)?.onWorkerLoss === 'fail';
  return held.started === 'unknown' || mustNotRunTwice;
};

/** Tasks that a process gave up, as far as they are remembered; of more than that it is not known any more. */
const maxGaveUp = 1_000;

/** Its step code began: a next home, if our word does not reach the log, asks what the process gave up. */
const noteGivenUp = (session: WorkerSession, { key, ref }: HeldTask): void => {
  if (session.via !== undefined || session.gaveUp === undefined) return;
  session.gaveUp.set(key, ref);
  session.gaveUpChanged = true;
  if (session.gaveUp.size > maxGaveUp) session.gaveUp = undefined;
};

/**
 * Ends a task's lease: its run leases it again, or gives it up. Should the fact be lost with its turn, the reload of the run
 * finds a lease that nobody holds and ends it again, here or at its next home.
 */
export const loseTask = (
  engine: Engine,
  session: WorkerSession,
  held: HeldTask,
  reason: LossReason,
  shared = false,
  suspect = false,
): void => {
  const actor = engine.runs.find(held.ref.runId);
  session.tasks.delete(held.key);
  engine.deps.meter.count(metric.tasksLost, 1, { reason });
  const started = startedOf(engine, held);
  if (started) noteGivenUp(session, held);
  if (actor === undefined) return;
  const { step, token } = held.ref;
  const late = actor.lateLosses.get(step);
  actor.lateLosses.delete(step);
  if (suspect && started) session.suspected.set(held.key, { ref: held.ref, shared });
  const command: RunCommand = {
    type: 'lose',
    step,
    token,
    reason,
    started,
    random: jitterOf(held.ref),
    ...(shared && started ? { shared } : {}),
    ...(suspect && started ? { suspect } : {}),
    ...(late === undefined ? {} : { late }),
  };
  postCommand(engine, actor, { command });
};

/** The worker is gone, or lives after all: what was taken from it on suspicion is charged with its next loss, or never. */
export const judgeSuspected = (engine: Engine, session: WorkerSession, isGone: boolean): void => {
  for (const { ref, shared } of session.suspected.values()) {
    if (isGone) engine.runs.find(ref.runId)?.lateLosses.set(ref.step, shared ? 'shared' : 'alone');
  }
  session.suspected.clear();
};

/**
 * The same, when the worker may still be at it: it is told to stop, as far as it hears, before anybody else gets the task (rule 7). A task of
 * a run that is being given away is its next home's to judge.
 */
export const takeBack = (
  engine: Engine,
  session: WorkerSession,
  held: HeldTask,
  shared = false,
  suspect = false,
): void => {
  if (!engine.runs.shards.has(shardOf(held.ref.runId))) return;
  session.send({ type: 'revoke', task: held.ref });
  loseTask(engine, session, held, 'lease_lapsed', shared, suspect);
};

/** Whether other tasks of the session had started as well, so that a loss of them all is not one task's fault. */
export const othersStarted = (engine: Engine, session: WorkerSession): ((held: HeldTask) => boolean) => {
  let started = 0;
  for (const held of session.tasks.values()) if (startedOf(engine, held)) started += 1;
  return (held) => started > (startedOf(engine, held) ? 1 : 0);
};
