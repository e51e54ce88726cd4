import type { FreeSlots } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { PeerStreams } from './peer-streams.ts';

/** How long changes are gathered before they are said, ms. */
const gatherMs = 5;

/** Groups of alike workers that a summary names. */
const maxGroups = 64;

/** Half-open steps of size: a hint that is right within a factor of two. */
const coarse = (count: number): number => (count <= 2 ? count : 2 ** Math.floor(Math.log2(count)));

/** Tells peers how many slots of our workers are free that nobody waits for. */
export class SlotSummaries {
  readonly #engine: Engine;
  readonly #streams: () => PeerStreams;
  #timed = false;
  /** What makes workers alike, by what they said of themselves. */
  readonly #keys = new WeakMap<object, string>();

  constructor(engine: Engine, streams: () => PeerStreams) {
    this.#engine = engine;
    this.#streams = streams;
  }

  /** Slots may have become free, or been taken. Cheap. */
  readonly changed = (): void => {
    if (this.#timed) return;
    this.#timed = true;
    this.#engine.deps.clock.after(gatherMs, () => {
      this.#timed = false;
      this.#say();
    });
  };

  #keyOf({ info, tenant, labels, kinds }: WorkerSession): string {
    let key = info === undefined ? undefined : this.#keys.get(info);
    if (key === undefined) {
      key = JSON.stringify([tenant, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)), kinds]);
      if (info !== undefined) this.#keys.set(info, key);
    }
    return key;
  }

  #say(): void {
    const { fleet, dispatcher } = this.#engine;
    const links = this.#streams().links;
    if (links.length === 0) return;
    const groups = new Map<string, { readonly first: WorkerSession; free: number }>();
    for (const session of fleet.available) {
      if (session.via !== undefined) continue;
      const key = this.#keyOf(session);
      const group = groups.get(key);
      if (group !== undefined) group.free += session.free;
      else if (groups.size < maxGroups) groups.set(key, { first: session, free: session.free });
    }
    const free: FreeSlots[] = [];
    for (const { first, free: count } of groups.values()) {
      const { tenant, labels, kinds } = first;
      if (!dispatcher.waitsFor(first)) free.push({ tenant, labels, kinds, free: coarse(count) });
    }
    const text = JSON.stringify(free);
    for (const link of links) {
      if (link.told.slots === text || (link.told.slots === '' && free.length === 0)) continue;
      link.told.slots = text;
      link.send({ type: 'slots', free });
    }
  }
}
