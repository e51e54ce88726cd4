import type { Digest, Result, WaitReason } from '@skein/domain';
import { err, ok, placeTask } from '@skein/domain';
import type { Clock } from '@skein/ports';
import type { Fleet } from '../fleet/fleet.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { RunActor } from '../run/run-actor.ts';
import type { SealedSnapshots } from '../submit/sealed-snapshots.ts';
import type { WaitingRun } from './fair-queue.ts';
import { FairQueue } from './fair-queue.ts';
import type { TaskClass } from './task-class.ts';

interface Waiter extends WaitingRun {
  readonly actor: RunActor;
}

/**
 * Gives free slots to runs. A run takes slots directly while nobody waits for the same class; otherwise it queues, and freed slots
 * are granted in fair order: the slot is reserved, the run is woken, and its turn leases a task on it.
 * Costs do not grow with the number of runs. Nothing here awaits.
 */
export class Dispatcher {
  readonly #fleet: Fleet;
  readonly #sealed: SealedSnapshots;
  readonly #clock: Clock;
  readonly #wake: (actor: RunActor) => void;
  readonly #queues = new Map<TaskClass, FairQueue<Waiter>>();
  readonly #waiters = new WeakMap<RunActor, Waiter>();

  constructor(fleet: Fleet, sealed: SealedSnapshots, clock: Clock, wake: (actor: RunActor) => void) {
    this.#fleet = fleet;
    this.#sealed = sealed;
    this.#clock = clock;
    this.#wake = wake;
  }

  /** A slot for one task of the run, or why there is none. The caller leases at once, or gives it back. */
  take(actor: RunActor, taskClass: TaskClass, snapshot: Digest | undefined): Result<WorkerSession, WaitReason> {
    const granted = actor.grants.findIndex((grant) => grant.taskClass === taskClass);
    if (granted !== -1) {
      const grant = actor.grants.splice(granted, 1)[0];
      if (grant !== undefined) {
        grant.session.reserved -= 1;
        this.#fleet.refresh(grant.session);
        if (grant.session.accepting && grant.session.free > 0) return ok(grant.session);
      }
    }
    const queue = this.#queues.get(taskClass);
    if (queue !== undefined && queue.size > 0 && !(queue.size === 1 && queue.has(actor.runId)))
      return err('all_slots_busy');
    return this.#place(taskClass, snapshot);
  }

  /** Says that the run wants so many more slots of this class; 0 takes it out of the queue. */
  want(actor: RunActor, taskClass: TaskClass, count: number): void {
    let queue = this.#queues.get(taskClass);
    if (queue === undefined) {
      if (count === 0) return;
      queue = new FairQueue();
      this.#queues.set(taskClass, queue);
    }
    queue.set(this.#waiter(actor), count, this.#clock.monotonicMs());
    if (queue.size === 0) this.#queues.delete(taskClass);
  }

  /** The run leaves: its grants and wishes are void. */
  forget(actor: RunActor): void {
    this.releaseGrants(actor);
    for (const [taskClass, queue] of this.#queues) {
      if (!queue.has(actor.runId)) continue;
      queue.set(this.#waiter(actor), 0, 0);
      if (queue.size === 0) this.#queues.delete(taskClass);
    }
  }

  /** Gives back what a turn did not use. */
  releaseGrants(actor: RunActor): void {
    if (actor.grants.length === 0) return;
    for (const grant of actor.grants) {
      grant.session.reserved -= 1;
      this.#fleet.refresh(grant.session);
    }
    actor.grants = [];
  }

  /** Hands free slots to waiting runs, fairest first. To be called whenever a slot may have become free. */
  pump(): void {
    if (this.#queues.size === 0 || !this.#fleet.hasAvailable) return;
    const now = this.#clock.monotonicMs();
    for (let progress = true; progress && this.#fleet.hasAvailable; ) {
      progress = false;
      for (const [taskClass, queue] of this.#queues) {
        const anyone = this.#place(taskClass, undefined);
        if (!anyone.ok) continue;
        const waiter = queue.take(now);
        if (queue.size === 0) this.#queues.delete(taskClass);
        if (waiter === undefined) continue;
        const snapshot = taskClass.kind === 'agent' ? waiter.actor.state.snapshotDigest : undefined;
        const preferred = snapshot === undefined ? anyone : this.#place(taskClass, snapshot);
        const session = preferred.ok ? preferred.value : anyone.value;
        session.reserved += 1;
        this.#fleet.refresh(session);
        waiter.actor.grants.push({ taskClass, session });
        this.#wake(waiter.actor);
        progress = true;
      }
    }
  }

  #place(taskClass: TaskClass, snapshot: Digest | undefined): Result<WorkerSession, WaitReason> {
    const task = {
      selector: taskClass.selector,
      kind: taskClass.kind,
      ...(snapshot === undefined ? {} : { missingBytes: this.#missingBytes(snapshot) }),
    };
    const placed = placeTask(task, this.#fleet.hasAvailable ? this.#fleet.available : []);
    const session = placed.ok ? this.#fleet.ofWorker(placed.value) : undefined;
    if (session !== undefined) return ok(session);
    const why = placeTask(task, this.#fleet.sessions);
    return err(why.ok ? 'all_slots_busy' : why.error);
  }

  /** Of a snapshot that is not in memory only so much is known: whether a worker was ever sent it. */
  #missingBytes(snapshot: Digest): (session: WorkerSession) => number {
    const sealed = this.#sealed.find(snapshot);
    if (sealed === undefined) return ({ holdings }) => (holdings.has(snapshot) ? 0 : 1);
    return ({ holdings }) => holdings.missingBytes(sealed);
  }

  #waiter(actor: RunActor): Waiter {
    let waiter = this.#waiters.get(actor);
    if (waiter === undefined) {
      const { tenant, runId, state } = actor;
      waiter = { tenant, runId, dag: state.dag.name, priority: state.priority, actor };
      this.#waiters.set(actor, waiter);
    }
    return waiter;
  }
}
