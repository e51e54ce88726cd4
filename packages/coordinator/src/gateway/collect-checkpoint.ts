import type { CheckpointEntry, DomainError } from '@skein/domain';
import { maxCheckpointEntryBytes, shardOf, utf8Length } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import { tellFenced } from '../delivery/fenced-writes.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import { loseTask } from '../fleet/lose-task.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import type { Settlement } from '../run/run-actor.ts';
import { postCommand } from '../run/run-turn.ts';
import { auditFenced } from './audit-worker.ts';

/*
 * Durable points of an agent attempt.
 *  K1 the worker is told `recorded` only once the log holds the entries
 *  K2 the points of one task are taken in the order in which they came; its result never overtakes them
 *  K3 whoever does not hold the lease is told `revoke`, and nothing is written
 */

type Checkpoint = Extract<WorkerMessage, { readonly type: 'checkpoint' }>;

/** Entries of one message. */
const maxEntries = 1_000;

/** JSON of the entries of one message. */
const maxMessageBytes = 512 * 1024;

/** Messages of one task that may wait for their run to be read again. */
const maxWaiting = 256;

/** Waits before another try, in ms: doubled each time up to the last. */
const firstWaitMs = 50;
const maxWaitMs = 2_000;

/** Why no log could take these entries; undefined when one can. */
const defectOf = ({ index, entries }: Checkpoint): string | undefined => {
  if (!Number.isSafeInteger(index) || index < 0) return 'the index of a checkpoint is not a count';
  if (entries.length === 0 || entries.length > maxEntries) return `a checkpoint has 1 to ${maxEntries} entries`;
  const sizes = entries.map((entry: CheckpointEntry) => utf8Length(JSON.stringify(entry)));
  if (sizes.some((bytes) => bytes > maxCheckpointEntryBytes))
    return `an entry of a checkpoint has at most ${maxCheckpointEntryBytes} bytes`;
  const bytes = sizes.reduce((sum, one) => sum + one, 0);
  return bytes > maxMessageBytes
    ? `the entries of a checkpoint have at most ${maxMessageBytes} bytes together`
    : undefined;
};

/** K3 */
const revoke = (engine: Engine, session: WorkerSession, { task }: Checkpoint): void => {
  const { runId, step, attempt, token } = task;
  tellFenced(engine, session.tenant, task, 'checkpoint', 'stale');
  auditFenced(engine, session, 'checkpoint', task);
  engine.deps.log.warn('stale checkpoint refused', {
    runId,
    stepId: step,
    attempt,
    fencingToken: token,
    workerId: session.workerId,
  });
  session.send({ type: 'revoke', task: { runId, step, attempt, token } });
};

/** Worker and log do not agree on what was recorded: the attempt ends, and the next one goes on from the log. */
const giveUp = (engine: Engine, session: WorkerSession, held: HeldTask, message: Checkpoint, why: string): void => {
  engine.deps.meter.count(metric.checkpoints, 1, { outcome: 'refused' });
  engine.deps.log.error('checkpoint refused, the attempt ends', {
    runId: held.ref.runId,
    stepId: held.ref.step,
    fencingToken: held.ref.token,
    workerId: session.workerId,
    index: message.index,
    why,
  });
  session.send({ type: 'revoke', task: held.ref });
  loseTask(engine, session, held, 'worker_forgot');
};

const isHeld = (session: WorkerSession, held: HeldTask): boolean => session.tasks.get(held.key) === held;

const settle = (
  engine: Engine,
  session: WorkerSession,
  held: HeldTask,
  message: Checkpoint,
  settlement: Settlement,
): void => {
  switch (settlement.status) {
    case 'recorded':
      engine.deps.meter.count(metric.checkpoints, 1, { outcome: settlement.facts > 0 ? 'recorded' : 'repeated' });
      session.send({
        type: 'checkpoint_recorded',
        task: held.ref,
        count: message.index + message.entries.length,
      });
      break;
    case 'refused':
      onRefused(engine, session, held, message, settlement.error);
      break;
    case 'failed':
      if (isHeld(session, held)) takeLater(engine, session, held, message);
      break;
    case 'duplicate':
      break;
  }
};

const onRefused = (
  engine: Engine,
  session: WorkerSession,
  held: HeldTask,
  message: Checkpoint,
  error: DomainError,
): void => {
  if (error.code !== 'stale_fencing_token') {
    if (isHeld(session, held)) giveUp(engine, session, held, message, error.message);
    return;
  }
  if (isHeld(session, held)) session.tasks.delete(held.key);
  revoke(engine, session, message);
};

const take = (engine: Engine, session: WorkerSession, held: HeldTask, message: Checkpoint): void => {
  const actor = engine.runs.find(held.ref.runId);
  if (actor === undefined) {
    takeLater(engine, session, held, message);
    return;
  }
  const { step, token } = held.ref;
  const { index, entries } = message;
  postCommand(engine, actor, {
    command: { type: 'checkpoint', step, token, workerId: session.workerId, index, entries },
    settle: (settlement) => settle(engine, session, held, message, settlement),
  });
};

/** The run is being read again, or the store is away: the points wait in their order (K2). */
const takeLater = (engine: Engine, session: WorkerSession, held: HeldTask, message: Checkpoint): void => {
  held.waitingCheckpoints ??= { messages: [], failures: 0, timed: false };
  const waiting = held.waitingCheckpoints;
  waiting.messages.push(message);
  if (waiting.timed) return;
  waiting.timed = true;
  const waitMs = Math.min(maxWaitMs, firstWaitMs * 2 ** Math.min(10, waiting.failures));
  waiting.failures += 1;
  engine.deps.clock.after(waitMs, () => void retry(engine, session, held));
};

const retry = async (engine: Engine, session: WorkerSession, held: HeldTask): Promise<void> => {
  const waiting = held.waitingCheckpoints;
  if (waiting === undefined || engine.phase !== 'running' || !isHeld(session, held)) return;
  if (engine.peers.isActive && !engine.runs.shards.has(shardOf(held.ref.runId))) {
    // At home elsewhere by now: its home gets them, from whoever holds the worker's stream.
    session.tasks.delete(held.key);
    delete held.waitingCheckpoints;
    if (session.via === undefined) for (const message of waiting.messages) engine.peers.passOn(session, message);
    return;
  }
  if (engine.runs.find(held.ref.runId) === undefined) {
    try {
      engine.wake(await engine.runs.open(engine, session.tenant, held.ref.runId));
    } catch (thrown) {
      if (!isPassing(thrown)) {
        engine.deps.log.error('run of a checkpoint cannot be read', { runId: held.ref.runId, error: thrown });
      }
    }
  }
  if (!isHeld(session, held)) return;
  waiting.timed = false;
  const messages = waiting.messages.splice(0);
  if (engine.runs.find(held.ref.runId) !== undefined) delete held.waitingCheckpoints;
  for (const message of messages) take(engine, session, held, message);
};

/** Takes durable points of an agent attempt from its worker. Synchronous; the answer comes when they are durable. Throws `resource_exhausted` (then the stream ends, and the worker sends them again). */
export const collectCheckpoint = (engine: Engine, session: WorkerSession, message: Checkpoint): void => {
  const held = engine.fleet.held(session, message.task);
  if (held === undefined || held.ref.attempt !== message.task.attempt) {
    revoke(engine, session, message);
    return;
  }
  held.progressAt = engine.deps.clock.monotonicMs();
  const defect = defectOf(message);
  if (defect !== undefined) {
    giveUp(engine, session, held, message, defect);
    return;
  }
  const waiting = held.waitingCheckpoints;
  if (waiting === undefined) take(engine, session, held, message);
  else if (waiting.messages.length < maxWaiting) waiting.messages.push(message);
  else giveUp(engine, session, held, message, `more than ${maxWaiting} checkpoints wait for the run`);
};
