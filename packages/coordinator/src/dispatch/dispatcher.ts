import type { Digest, Result, TenantId, WaitReason } from '@skein/domain';
import { err, fits, ok, placeTask } from '@skein/domain';
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

/** A coordinator that waits for slots of workers whose streams end here. The slot that it is given is reserved. */
export interface ForeignWaiter extends WaitingRun {
  readonly actor?: undefined;
  readonly snapshot: Digest | undefined;
  readonly give: (session: WorkerSession) => void;
}

/** What runs of one tenant wait for in one class. */
export interface WaitingClass {
  readonly taskClass: TaskClass;
  readonly tenant: TenantId;
  readonly count: number;
  /** The highest among them. */
  readonly priority: number;
  readonly snapshot?: Digest;
}

const isRun = (waiter: Waiter | ForeignWaiter): boolean => waiter.actor !== undefined;

const isOurs = ({ via }: WorkerSession): boolean => via === undefined;

/**
 * Gives free slots to runs. A run takes slots directly while nobody waits for the same class; otherwise it queues, and freed slots
 * are granted in fair order: the slot is reserved, the run is woken, and its turn leases a task on it. Workers serve the tenant of their
 * join token only.
 * Costs do not grow with the number of runs. Nothing here awaits.
 */
export class Dispatcher {
  readonly #fleet: Fleet;
  readonly #sealed: SealedSnapshots;
  readonly #clock: Clock;
  readonly #wake: (actor: RunActor) => void;
  readonly #queues = new Map<TaskClass, FairQueue<Waiter | ForeignWaiter>>();
  readonly #waiters = new WeakMap<RunActor, Waiter>();
  /** Set where others want to know that who waits may have changed. */
  onWaiting: (() => void) | undefined;

  constructor(fleet: Fleet, sealed: SealedSnapshots, clock: Clock, wake: (actor: RunActor) => void) {
    this.#fleet = fleet;
    this.#sealed = sealed;
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Somebody waits for a slot that this worker could give. */
  waitsFor(session: WorkerSession): boolean {
    for (const taskClass of this.#queues.keys()) if (fits(taskClass, session)) return true;
    return false;
  }

  /** What runs wait for, up to `limit` slots of each class and tenant. */
  waiting(limit: number): readonly WaitingClass[] {
    const all: WaitingClass[] = [];
    for (const [taskClass, queue] of this.#queues) {
      for (const { run, count } of queue.wanted(limit, isRun)) {
        const snapshot = taskClass.kind === 'agent' ? run.actor?.state.snapshotDigest : undefined;
        const { tenant, priority } = run;
        all.push({ taskClass, tenant, count, priority, ...(snapshot === undefined ? {} : { snapshot }) });
      }
    }
    return all;
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
    if (count === 0 && this.#queues.get(taskClass)?.has(actor.runId) !== true) return;
    this.wantFor(this.#waiter(actor), taskClass, count);
    this.onWaiting?.();
  }

  /** The same for a coordinator whose runs could use slots here. */
  wantFor(waiter: Waiter | ForeignWaiter, taskClass: TaskClass, count: number): void {
    let queue = this.#queues.get(taskClass);
    if (queue === undefined) {
      if (count === 0) return;
      queue = new FairQueue();
      this.#queues.set(taskClass, queue);
    }
    queue.set(waiter, count, this.#clock.monotonicMs());
    if (queue.size === 0) this.#queues.delete(taskClass);
  }

  /** The run leaves: its grants and wishes are void. */
  forget(actor: RunActor): void {
    this.releaseGrants(actor);
    let hasWaited = false;
    for (const [taskClass, queue] of this.#queues) {
      if (!queue.has(actor.runId)) continue;
      queue.set(this.#waiter(actor), 0, 0);
      if (queue.size === 0) this.#queues.delete(taskClass);
      hasWaited = true;
    }
    // Peers would give it slots for ever.
    if (hasWaited) this.onWaiting?.();
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
    this.onWaiting?.();
    const served = new Set<TaskClass>();
    for (let progress = true; progress && this.#fleet.hasAvailable; ) {
      progress = false;
      for (const [taskClass, queue] of this.#queues) {
        const anyone = this.#place(taskClass, undefined);
        if (!anyone.ok) continue;
        // What a peer granted is for runs of this coordinator alone.
        const ours = isOurs(anyone.value)
          ? anyone
          : this.#fleet.hasVia
            ? this.#place(taskClass, undefined, isOurs)
            : anyone;
        const waiter = queue.take(now, ours.ok ? undefined : isRun);
        if (queue.size === 0) this.#queues.delete(taskClass);
        if (waiter === undefined) continue;
        served.add(taskClass);
        const filter = waiter.actor === undefined ? isOurs : undefined;
        const wanted = waiter.actor === undefined ? waiter.snapshot : waiter.actor.state.snapshotDigest;
        const snapshot = taskClass.kind === 'agent' ? wanted : undefined;
        const fallback = waiter.actor === undefined ? ours : anyone;
        const preferred = snapshot === undefined ? fallback : this.#place(taskClass, snapshot, filter);
        const session = preferred.ok ? preferred.value : fallback.ok ? fallback.value : anyone.value;
        session.reserved += 1;
        this.#fleet.refresh(session);
        progress = true;
        if (waiter.actor === undefined) {
          waiter.give(session);
          continue;
        }
        waiter.actor.grants.push({ taskClass, session });
        this.#wake(waiter.actor);
      }
    }
    // Classes that want the same workers take turns: those that got something go behind the others.
    for (const taskClass of served) {
      const queue = this.#queues.get(taskClass);
      if (queue === undefined) continue;
      this.#queues.delete(taskClass);
      this.#queues.set(taskClass, queue);
    }
  }

  #place(
    taskClass: TaskClass,
    snapshot: Digest | undefined,
    filter?: (session: WorkerSession) => boolean,
  ): Result<WorkerSession, WaitReason> {
    const { tenant, selector, kind } = taskClass;
    const task = {
      tenant,
      selector,
      kind,
      ...(snapshot === undefined ? {} : { missingBytes: this.#missingBytes(snapshot) }),
    };
    const available = this.#fleet.hasAvailable ? this.#fleet.available : [];
    const placed = placeTask(task, filter === undefined ? available : available.filter(filter));
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
