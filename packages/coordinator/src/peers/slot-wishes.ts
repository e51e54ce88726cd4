import { fits } from '@skein/domain';
import type { PeerMessage, SlotWish } from '@skein/ports';
import type { WaitingClass } from '../dispatch/dispatcher.ts';
import type { TaskClass } from '../dispatch/task-class.ts';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerStreams } from './peer-streams.ts';

/*
 * What this coordinator's runs could use of the workers of peers, and what became of it.
 *  U1 first of those that say that they have free slots, then of all
 *  U2 never more than twice the slots that could fit at that peer, so that a long queue sends nothing while it only gets shorter
 *  U3 a granted slot that is not used within 50 ms is given back
 */

const lingerMs = 50;
/** Wishes, and grants that were got. */
export class SlotWishes {
  readonly #engine: Engine;
  readonly #streams: () => PeerStreams;
  #scheduled = false;
  /** Slots of each peer's workers, by class; as of a version of the fleet. */
  #capacities = { version: -1, byLink: new Map<string, Map<TaskClass, number>>(), most: 0 };
  readonly #lingering = new Set<WorkerSession>();

  constructor(engine: Engine, streams: () => PeerStreams) {
    this.#engine = engine;
    this.#streams = streams;
  }

  /** Who waits, or what peers have, may have changed. Cheap. */
  readonly changed = (): void => {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#engine.deps.clock.endOfTurn(() => {
      this.#scheduled = false;
      this.#sayWishes();
    });
  };

  /** A peer gives slots of one of its workers. */
  take(link: PeerLink, { workerId, sessionId, count }: Extract<PeerMessage, { readonly type: 'grant' }>): void {
    const { fleet, dispatcher } = this.#engine;
    const session = fleet.ofWorker(workerId);
    const isHere = session?.via === link.coordinatorId && session.sessionId === sessionId && session.link !== undefined;
    if (!isHere || !(count > 0)) return;
    session.credits += count;
    fleet.refresh(session);
    dispatcher.pump();
    this.#linger(session);
  }

  #linger(session: WorkerSession): void {
    if (this.#lingering.has(session)) return;
    this.#lingering.add(session);
    this.#engine.deps.clock.after(lingerMs, () => {
      this.#lingering.delete(session);
      const link = session.via === undefined ? undefined : this.#streams().link(session.via);
      if (link === undefined || session.link === undefined) return;
      const count = session.free;
      if (count > 0) {
        const { workerId, sessionId } = session;
        session.credits -= count;
        this.#engine.fleet.refresh(session);
        this.#engine.deps.meter.count(metric.peerGivenBack, count);
        link.send({ type: 'give_back', workerId, sessionId, count });
      }
      // Kept for runs whose turn has not come: they may not use it after all.
      if (session.credits > session.offersSent) this.#linger(session);
    });
  }

  /** Slots of the peer's workers that the class could use. */
  #capacity({ taskClass }: WaitingClass, { coordinatorId }: PeerLink): number {
    let ofLink = this.#capacities.byLink.get(coordinatorId);
    if (ofLink === undefined) {
      ofLink = new Map();
      this.#capacities.byLink.set(coordinatorId, ofLink);
    }
    let slots = ofLink.get(taskClass);
    if (slots === undefined) {
      slots = 0;
      for (const session of this.#engine.fleet.sessions) {
        if (session.via !== coordinatorId || session.link === undefined || session.draining) continue;
        if (fits(taskClass, session)) slots += session.slots;
      }
      ofLink.set(taskClass, slots);
    }
    return slots;
  }

  /** Slots of all workers of peers. */
  #mostSlots(): number {
    const { fleet } = this.#engine;
    if (this.#capacities.version !== fleet.version) {
      let most = 0;
      for (const { via, slots } of fleet.sessions) if (via !== undefined) most += slots;
      this.#capacities = { version: fleet.version, byLink: new Map(), most };
    }
    return this.#capacities.most;
  }

  #sayWishes(): void {
    const links = this.#streams().links.filter(({ leaving }) => !leaving);
    if (links.length === 0) return;
    const wishes = new Map<PeerLink, SlotWish[]>(links.map((link) => [link, []]));
    const mostSlots = this.#mostSlots();
    if (mostSlots > 0) {
      for (const waiting of this.#engine.dispatcher.waiting(2 * mostSlots)) {
        const { taskClass, tenant, priority, snapshot } = waiting;
        let left = waiting.count;
        const parts = new Map<PeerLink, number>();
        // U1
        for (const link of links) {
          const free = link.free.reduce((sum, slots) => sum + (fits(waiting.taskClass, slots) ? slots.free : 0), 0);
          const count = Math.min(left, free);
          parts.set(link, count);
          left -= count;
        }
        for (const link of links) {
          // U2
          const count = Math.min((parts.get(link) ?? 0) + left, 2 * this.#capacity(waiting, link));
          if (count <= 0) continue;
          const { name, kind, selector } = taskClass;
          const wish = { taskClass: name, tenant, kind, selector, count, priority };
          wishes.get(link)?.push(snapshot === undefined ? wish : { ...wish, snapshot });
        }
      }
    }
    for (const [link, all] of wishes) this.#say(link, all);
  }

  /** Says what changed since the last time. */
  #say(link: PeerLink, wishes: readonly SlotWish[]): void {
    const changed: SlotWish[] = [];
    const named = new Set<string>();
    const { wishes: told } = link.told;
    for (const wish of wishes) {
      const key = `${wish.tenant} ${wish.taskClass}`;
      named.add(key);
      const last = told.get(key);
      told.set(key, wish);
      // Which snapshot the first of them needs changes with each: that alone is not worth saying.
      if (last?.count !== wish.count || last.priority !== wish.priority) changed.push(wish);
    }
    for (const [key, wish] of told) {
      if (named.has(key)) continue;
      told.delete(key);
      changed.push({ ...wish, count: 0 });
    }
    if (changed.length > 0) link.send({ type: 'wish', wishes: changed });
  }
}
