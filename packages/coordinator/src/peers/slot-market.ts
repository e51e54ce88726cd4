import type { RunId, TenantId } from '@skein/domain';
import type { SlotWish } from '@skein/ports';
import type { ForeignWaiter } from '../dispatch/dispatcher.ts';
import type { TaskClass } from '../dispatch/task-class.ts';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { PeerLink } from './peer-link.ts';

/*
 * The slots of our workers, as homes elsewhere get them.
 *  G1 a wish stands until it is changed: grants that were neither used nor given back never exceed its count
 *  G2 wishes wait in the same queues as runs of this coordinator, each peer as a DAG of its tenant
 *  G3 a grant holds its slot until it is used or given back, or its stream ends; the end of a worker's stream ends them all
 */

/** Wishes of one peer that are remembered. */
const maxWishes = 1_000;

/** Slots of one class and tenant that a peer could use. */
class Wish implements ForeignWaiter {
  readonly tenant: TenantId;
  readonly dag: string;
  readonly runId: RunId;
  readonly priority: number;
  readonly link: PeerLink;
  readonly taskClass: TaskClass;
  /** As the peer calls the class. */
  readonly name: string;
  snapshot: SlotWish['snapshot'];
  count = 0;
  outstanding = 0;
  readonly give: (session: WorkerSession) => void;

  constructor(
    link: PeerLink,
    wish: SlotWish,
    taskClass: TaskClass,
    give: (wish: Wish, session: WorkerSession) => void,
  ) {
    this.tenant = wish.tenant;
    this.dag = `peer ${link.coordinatorId}`;
    this.runId = `${this.dag} ${wish.tenant}`;
    this.priority = wish.priority;
    this.link = link;
    this.taskClass = taskClass;
    this.name = wish.taskClass;
    this.give = (session) => give(this, session);
  }
}

/** A slot that a peer holds; without a wish when it was given after a result. */
interface Granted {
  readonly link: PeerLink;
  wish: Wish | undefined;
}

interface Pending {
  readonly link: PeerLink;
  readonly session: WorkerSession;
  readonly sessionId: string;
  readonly taskClass: string;
  count: number;
}

/** Gives slots of our workers to peers. */
export class SlotMarket {
  readonly #engine: Engine;
  readonly #wishes = new Map<PeerLink, Map<string, Wish>>();
  readonly #granted = new Map<WorkerSession, Granted[]>();
  #pending: Pending[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Slots of a worker that peers hold now. */
  held(session: WorkerSession): number {
    return this.#granted.get(session)?.length ?? 0;
  }

  /** A peer says what it could use. */
  take(link: PeerLink, wishes: readonly SlotWish[]): void {
    const known = this.#wishes.get(link) ?? new Map<string, Wish>();
    this.#wishes.set(link, known);
    for (const told of wishes) {
      const key = `${told.tenant} ${told.taskClass}`;
      const old = known.get(key);
      const count = Math.max(0, Math.floor(told.count));
      if (old === undefined && (count === 0 || known.size >= maxWishes)) continue;
      let wish = old;
      if (wish === undefined || wish.priority !== told.priority) {
        wish = new Wish(link, told, this.#engine.classes.named(told.tenant, told.kind, told.selector), this.#grant);
        if (old !== undefined) {
          this.#engine.dispatcher.wantFor(old, old.taskClass, 0);
          this.#replace(old, wish);
        }
        known.set(key, wish);
      }
      wish.count = count;
      wish.snapshot = told.snapshot;
      this.#wait(wish);
      if (count === 0 && wish.outstanding === 0) known.delete(key);
    }
    this.#engine.dispatcher.pump();
  }

  /** A result of the peer's task has just freed a slot that nobody waits for: the peer may use it for what follows. */
  grantAgain(link: PeerLink, session: WorkerSession, taskClass: string | undefined): void {
    if (link.leaving || !session.accepting || session.free <= 0 || this.#engine.dispatcher.waitsFor(session)) return;
    session.reserved += 1;
    this.#engine.fleet.refresh(session);
    this.#note(session, { link, wish: undefined });
    this.#send(link, session, taskClass ?? 'any', 1);
  }

  /** The peer uses a slot of the worker. False when it has none. */
  use(link: PeerLink, session: WorkerSession): boolean {
    return this.#release(session, (granted) => granted.link === link, 1) === 1;
  }

  /** The peer needs so many slots of the worker no more. */
  giveBack(link: PeerLink, session: WorkerSession, count: number): void {
    this.#engine.deps.meter.count(metric.peerGivenBack, count);
    this.#release(session, (granted) => granted.link === link, count);
    this.#engine.dispatcher.pump();
  }

  /** The worker's stream ended (G3). */
  forget(session: WorkerSession): void {
    this.#pending = this.#pending.filter((pending) => pending.session !== session);
    this.#release(session, () => true, Number.POSITIVE_INFINITY);
  }

  /** A peer's stream ended (G3). */
  leave(link: PeerLink): void {
    for (const wish of this.#wishes.get(link)?.values() ?? []) {
      wish.count = 0;
      this.#engine.dispatcher.wantFor(wish, wish.taskClass, 0);
    }
    this.#wishes.delete(link);
    this.#pending = this.#pending.filter((pending) => pending.link !== link);
    for (const session of this.#granted.keys())
      this.#release(session, (granted) => granted.link === link, Number.POSITIVE_INFINITY);
    this.#engine.dispatcher.pump();
  }

  /** The dispatcher has reserved the slot. */
  readonly #grant = (wish: Wish, session: WorkerSession): void => {
    wish.outstanding += 1;
    this.#note(session, { link: wish.link, wish });
    this.#wait(wish);
    const last = this.#pending.find(
      (pending) => pending.link === wish.link && pending.session === session && pending.taskClass === wish.name,
    );
    if (last !== undefined) {
      last.count += 1;
      return;
    }
    const { sessionId } = session;
    this.#pending.push({ link: wish.link, session, sessionId, taskClass: wish.name, count: 1 });
    if (this.#pending.length === 1) queueMicrotask(this.#flush);
  };

  readonly #flush = (): void => {
    const pending = this.#pending;
    this.#pending = [];
    for (const { link, session, sessionId, taskClass, count } of pending)
      if (session.sessionId === sessionId) this.#send(link, session, taskClass, count);
  };

  #send(link: PeerLink, { workerId, sessionId }: WorkerSession, taskClass: string, count: number): void {
    this.#engine.deps.meter.count(metric.peerGrants, count);
    link.send({ type: 'grant', workerId, sessionId, taskClass, count });
  }

  #note(session: WorkerSession, granted: Granted): void {
    const all = this.#granted.get(session);
    if (all === undefined) this.#granted.set(session, [granted]);
    else all.push(granted);
  }

  /** Ends up to `limit` matching grants, the oldest first; how many it were. */
  #release(session: WorkerSession, matches: (granted: Granted) => boolean, limit: number): number {
    const all = this.#granted.get(session);
    if (all === undefined) return 0;
    let released = 0;
    for (let at = 0; at < all.length && released < limit; ) {
      const granted = all[at];
      if (granted === undefined || !matches(granted)) {
        at += 1;
        continue;
      }
      all.splice(at, 1);
      released += 1;
      const { wish } = granted;
      if (wish === undefined) continue;
      wish.outstanding -= 1;
      this.#wait(wish);
    }
    if (all.length === 0) this.#granted.delete(session);
    session.reserved -= released;
    this.#engine.fleet.refresh(session);
    return released;
  }

  /** Grants on the one count on the other from now on. */
  #replace(old: Wish, wish: Wish): void {
    wish.outstanding = old.outstanding;
    old.count = 0;
    for (const all of this.#granted.values()) for (const granted of all) if (granted.wish === old) granted.wish = wish;
  }

  /** G1 */
  #wait(wish: Wish): void {
    this.#engine.dispatcher.wantFor(wish, wish.taskClass, Math.max(0, wish.count - wish.outstanding));
  }
}
