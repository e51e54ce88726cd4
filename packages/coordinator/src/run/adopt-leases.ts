import type { LeaseState, RunState, StepPath } from '@skein/domain';
import { markStarted } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { neverArrived } from '../fleet/never-arrived.ts';
import { taskKey, WorkerSession } from '../fleet/worker-session.ts';
import type { RunActor } from './run-actor.ts';

/** Every lease of a run, of steps and of items. */
export const leasesOf = (
  state: RunState,
): readonly { readonly path: StepPath; readonly attempt: number; readonly lease: LeaseState }[] => {
  const found: { path: StepPath; attempt: number; lease: LeaseState }[] = [];
  if (state.leases === 0) return found;
  for (const step of state.steps.values()) {
    for (const target of step.fanout?.states ?? [step]) {
      if (target.lease !== undefined) found.push({ path: target.path, attempt: target.attempt, lease: target.lease });
    }
  }
  return found;
};

/**
 * Brings the leases of a state that was just read from the log together with what the workers hold.
 * - `from_log`: the run was not in memory; a lease of a worker that is not here gets one full lease period to be claimed
 *   (restart grace), because its worker may only be on its way.
 * - `after_conflict`: this coordinator drove the run; a lease that it never offered was never executed.
 */
export const adoptLeases = (engine: Engine, actor: RunActor, why: 'from_log' | 'after_conflict'): void => {
  const { fleet, deps } = engine;
  // A message that the log turns out to hold may not have been sent.
  for (const path of actor.state.unread) actor.redeliver.add(path);
  for (const { path, attempt, lease } of leasesOf(actor.state)) {
    const ref = { runId: actor.runId, step: path, attempt, token: lease.token };
    const key = taskKey(ref);
    let session = fleet.ofWorker(lease.workerId);
    const held = session?.tasks.get(key);
    if (held !== undefined) {
      if (held.started === 'yes') markStarted(actor.state, path, lease.token, lease.leasedAt);
      continue;
    }
    const foreign = session?.foreign.get(key);
    if (session !== undefined && foreign !== undefined) {
      // Its stream ends here, and it took the task while the run was at home elsewhere.
      session.foreign.delete(key);
      const now = deps.clock.monotonicMs();
      session.tasks.set(key, {
        key,
        tenant: actor.tenant,
        ref,
        offeredAt: now,
        progressAt: now,
        state: foreign.started ? 'running' : 'acknowledged',
        received: true,
        started: foreign.started ? 'yes' : 'no',
      });
      if (foreign.started) markStarted(actor.state, path, lease.token, lease.leasedAt);
      actor.redeliver.add(path);
      continue;
    }
    if (session === undefined && why === 'from_log') {
      session = new WorkerSession(lease.workerId, actor.tenant, lease.sessionId, deps.clock.monotonicMs());
      fleet.register(session);
    }
    // Whoever holds the worker's latest stream knows.
    const mustAsk = engine.peers.isActive && session?.link !== undefined && why === 'from_log';
    if (session !== undefined && (session.link === undefined || mustAsk)) {
      session.tasks.set(key, {
        key,
        tenant: actor.tenant,
        ref,
        offeredAt: deps.clock.monotonicMs(),
        progressAt: deps.clock.monotonicMs(),
        state: 'acknowledged',
        received: true,
        started: why === 'from_log' ? 'unknown' : 'never',
        ...(mustAsk ? { unconfirmed: Number.POSITIVE_INFINITY } : {}),
      });
      continue;
    }
    actor.mailbox.push({
      command: {
        type: 'lose',
        step: path,
        token: lease.token,
        reason: session === undefined ? 'lease_lapsed' : 'worker_forgot',
        started:
          why === 'from_log' &&
          (session === undefined || !neverArrived(engine, session, { key, ref, started: 'unknown' }, lease)),
      },
    });
  }
  engine.peers.confirmLeases(actor);
};

/**
 * A safety net: a lease of a run at rest that no worker holds in memory would never end, so it is ended here. Each is a bug.
 */
export const auditLeases = (engine: Engine, actor: RunActor): void => {
  if (actor.state.leases === 0 || actor.inFlight !== undefined || actor.mailbox.length > 0) return;
  for (const { path, attempt, lease } of leasesOf(actor.state)) {
    const key = taskKey({ runId: actor.runId, step: path, token: lease.token });
    if (engine.fleet.ofWorker(lease.workerId)?.tasks.has(key) === true) continue;
    const { token } = lease;
    engine.deps.log.error('lease that nobody holds is ended', {
      runId: actor.runId,
      stepId: path,
      attempt,
      fencingToken: token,
    });
    actor.mailbox.push({ command: { type: 'lose', step: path, token, reason: 'lease_lapsed', started: true } });
    engine.wake(actor);
  }
};
