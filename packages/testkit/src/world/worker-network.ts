import type { Clock, CoordinatorGateway, Random } from '@skein/ports';
import type { ClosableGateway } from '@skein/worker';
import { createManyCoordinators } from '@skein/worker';
import type { Faults } from '../gateway/faulty-gateway.ts';
import { FaultyGateway } from '../gateway/faulty-gateway.ts';

const closable = (gateway: CoordinatorGateway): ClosableGateway => ({
  openWorkerStream: (...args) => gateway.openWorkerStream(...args),
  reportExit: (...args) => gateway.reportExit(...args),
  fetchSnapshot: (...args) => gateway.fetchSnapshot(...args),
  fetchPart: (...args) => gateway.fetchPart(...args),
  readSecret: (...args) => gateway.readSecret(...args),
  fetchBlob: (...args) => gateway.fetchBlob(...args),
  storeBlob: (...args) => gateway.storeBlob(...args),
  close: () => undefined,
});

/** The way of one worker to every coordinator: each link has faults of its own, and the worker's own rule says which it takes next. */
export class WorkerNetwork {
  /** What the worker sees. */
  readonly gateway: ClosableGateway;
  readonly #links: ReadonlyMap<string, FaultyGateway>;

  constructor(
    targets: ReadonlyMap<string, CoordinatorGateway>,
    order: readonly string[],
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    faults: Partial<Faults>,
  ) {
    this.#links = new Map(
      [...targets].map(([address, target]) => [
        address,
        new FaultyGateway({ target, clock, random: random.fork(address) }, faults),
      ]),
    );
    this.gateway = createManyCoordinators(order, (address) => {
      const link = this.#links.get(address);
      if (link === undefined) throw new Error(`there is no coordinator ${address}`);
      return closable(link);
    });
  }

  /** Breaks every open stream now. */
  cutAll(): void {
    for (const link of this.#links.values()) link.cutAll();
  }

  /** Nothing passes to this address, or to any, until `heal`. */
  partition(address?: string): void {
    for (const [own, link] of this.#links) if (address === undefined || own === address) link.partition();
  }

  heal(): void {
    for (const link of this.#links.values()) link.heal();
  }

  setFaults(faults: Partial<Faults>): void {
    for (const link of this.#links.values()) link.setFaults(faults);
  }
}
