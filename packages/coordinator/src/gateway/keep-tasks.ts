import type { FencingToken, LeaseState, RunState, StepPath, TaskRef } from '@skein/domain';
import { markStarted } from '@skein/domain';
import type { HeldTask as ToldTask } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isLeaseOf } from '../fleet/is-lease-of.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { leaseAt } from '../run/lease-at.ts';

const currentLease = (
  engine: Engine,
  session: WorkerSession,
  task: TaskRef,
): { readonly state: RunState; readonly lease: LeaseState } | undefined => {
  const actor = engine.runs.find(task.runId);
  if (actor === undefined || actor.tenant !== session.tenant) return undefined;
  const lease = leaseAt(actor.state, task.step);
  return lease?.token === task.token && isLeaseOf(lease, session) ? { state: actor.state, lease } : undefined;
};

/** Decides which of the tasks that a worker says it runs are still its own, and remembers them. */
export const keepTasks = (engine: Engine, session: WorkerSession, running: readonly ToldTask[]): readonly TaskRef[] => {
  const kept: TaskRef[] = [];
  const now = engine.deps.clock.monotonicMs();
  for (const { runId, step, attempt, token, started } of running) {
    const ref = { runId, step, attempt, token };
    const current = currentLease(engine, session, ref);
    const key = taskKey(ref);
    if (current === undefined) {
      session.tasks.delete(key);
      continue;
    }
    const known = session.tasks.get(key);
    session.tasks.set(key, {
      key,
      tenant: session.tenant,
      ref,
      offeredAt: now,
      progressAt: now,
      state: started ? 'running' : 'acknowledged',
      received: true,
      started: started ? 'yes' : 'no',
      ...(known?.hints === undefined ? {} : { hints: known.hints }),
      ...(known?.cancelReason === undefined ? {} : { cancelReason: known.cancelReason }),
    });
    if (started) markStarted(current.state, step as StepPath, token as FencingToken, engine.deps.clock.now());
    kept.push(ref);
  }
  return kept;
};
