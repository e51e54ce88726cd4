import type { Clock, WorkerPlace, WorkerPlaceStore } from '@skein/ports';

interface StoredPlace {
  readonly place: WorkerPlace;
  readonly held: boolean;
  readonly at: number;
}

/** Places of workers in memory. */
export class MemoryWorkerPlaceStore implements WorkerPlaceStore {
  readonly #clock: Clock;
  readonly #places = new Map<string, StoredPlace>();

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
  }

  async claim(tenant: string, workerId: string, coordinatorId: string, sessionId: string): Promise<WorkerPlace> {
    const name = nameOf(tenant, workerId);
    const epoch = (this.#places.get(name)?.place.epoch ?? 0) + 1;
    const place = { workerId, epoch, coordinatorId, sessionId };
    this.#places.set(name, { place, held: true, at: this.#clock.now() });
    return place;
  }

  async read(tenant: string, workerId: string): Promise<WorkerPlace | undefined> {
    const stored = this.#places.get(nameOf(tenant, workerId));
    return stored?.held === true ? stored.place : undefined;
  }

  async release(tenant: string, workerId: string, epoch: number): Promise<void> {
    const stored = this.#places.get(nameOf(tenant, workerId));
    if (stored?.place.epoch !== epoch) return;
    this.#places.set(nameOf(tenant, workerId), { ...stored, held: false, at: this.#clock.now() });
  }

  async prune(before: number, liveCoordinators: readonly string[]): Promise<number> {
    const old = [...this.#places].filter(
      ([, { place, held, at }]) => at < before && !(held && liveCoordinators.includes(place.coordinatorId)),
    );
    for (const [name] of old) this.#places.delete(name);
    return old.length;
  }
}

const nameOf = (tenant: string, workerId: string): string => `${tenant}\u0000${workerId}`;
