import type { TaskToCancel } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { RunActor } from '../run/run-actor.ts';
import { taskKey } from './worker-session.ts';

/** Tells a worker to stop a task, once per stream; a worker without a stream is told when it comes back. */
export const cancelHeldTask = (engine: Engine, actor: RunActor, task: TaskToCancel): void => {
  const session = engine.fleet.ofWorker(task.workerId);
  const held = session?.tasks.get(taskKey({ runId: actor.runId, step: task.step, token: task.token }));
  if (session === undefined || held === undefined || held.cancelReason !== undefined) return;
  held.cancelReason = actor.state.cancel?.reason === 'timeout' ? 'the run timed out' : 'the run was cancelled';
  session.send({ type: 'cancel', task: held.ref, reason: held.cancelReason });
};
