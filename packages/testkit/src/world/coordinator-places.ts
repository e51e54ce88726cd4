import type { Coordinator, CoordinatorConfig, CoordinatorDeps, FleetConfig } from '@skein/coordinator';
import { createCoordinator } from '@skein/coordinator';
import type { WorkerId } from '@skein/domain';
import type { Clock, ShardStore, StreamLink, WorkerMessage } from '@skein/ports';
import type { PeerNetwork } from './peer-network.ts';
import { SimProcess } from './sim-process.ts';
import type { SwitchboardDeps } from './switchboard.ts';
import { Switchboard } from './switchboard.ts';

/** A coordinator that was started in a place: its process, and the address at which it is reached. */
export interface SimCoordinator {
  readonly place: number;
  readonly coordinatorId: string;
  readonly api: Coordinator;
  readonly process: SimProcess;
}

/** What the places of coordinators are made from. */
export interface PlacesDeps {
  readonly clock: Clock;
  readonly count: number;
  readonly config: Partial<CoordinatorConfig>;
  readonly switchboard: Omit<SwitchboardDeps, 'clock' | 'links'>;
  /** Everything of the outside world, as this process sees it. */
  readonly depsFor: (process: SimProcess, coordinatorId: string) => CoordinatorDeps;
  /** How a coordinator that is started now belongs to the fleet, and how they reach one another; without it one is home to all. */
  readonly fleet?: { readonly network: PeerNetwork; readonly configOf: (coordinatorId: string) => FleetConfig };
}

/** Name of the coordinator of a place, which is also its address. */
const addressOf = (place: number): string => (place === 0 ? 'coordinator' : `coordinator-${place + 1}`);

/** Machines for coordinators, all on the same stores: one process at a time in each, at an address that stays. */
export class CoordinatorPlaces {
  /** Of each place, by its address. */
  readonly switchboards: ReadonlyMap<string, Switchboard>;
  crashes = 0;
  pauses = 0;
  stops = 0;
  readonly #deps: PlacesDeps;
  readonly #places: (SimCoordinator | undefined)[];
  /** Who was home to the shards last, as the store said. */
  #home: string | undefined;

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
    this.#places = Array.from({ length: deps.count }, () => undefined);
    const links = new Map<WorkerId, StreamLink<WorkerMessage>>();
    this.switchboards = new Map(
      this.#places.map((_, place) => [
        addressOf(place),
        new Switchboard({ ...deps.switchboard, clock: deps.clock, links }),
      ]),
    );
  }

  /** Those that live, home first. */
  get alive(): readonly SimCoordinator[] {
    const alive = this.#places.flatMap((one) => (one?.process.alive === true ? [one] : []));
    return alive.toSorted((a, b) => Number(b.coordinatorId === this.#home) - Number(a.coordinatorId === this.#home));
  }

  /** Places in which nobody lives. */
  get empty(): readonly number[] {
    return this.#places.flatMap((one, place) => (one?.process.alive === true ? [] : [place]));
  }

  /** Starts a coordinator in a place. It may die on the way. */
  async start(place: number): Promise<void> {
    if (!this.empty.includes(place)) return;
    const { clock, config, depsFor, fleet } = this.#deps;
    const coordinatorId = addressOf(place);
    const process = new SimProcess(clock);
    process.onDeath(() => {
      this.crashes += 1;
    });
    const settings = fleet === undefined ? config : { ...config, fleet: fleet.configOf(coordinatorId) };
    const api = createCoordinator(depsFor(process, coordinatorId), { ...settings, coordinatorId });
    fleet?.network.attach(coordinatorId, { ...api, process });
    this.#places[place] = { place, coordinatorId, api, process };
    const death = new Promise<void>((resolve) => process.onDeath(resolve));
    await Promise.race([api.start().catch(() => process.kill()), death]);
    if (process.alive) this.switchboards.get(coordinatorId)?.connect(api.gateway, process);
  }

  /** `SIGTERM`: it stops in order, and its process ends; at the latest after this time. */
  async stop({ process, api }: SimCoordinator, withinMs: number): Promise<void> {
    if (!process.alive || process.stopped) return;
    this.stops += 1;
    await Promise.race([api.stop().catch(() => undefined), this.#deps.clock.sleep(withinMs)]);
    process.kill();
  }

  /** `SIGSTOP` for so long; nobody is told. */
  pause({ process }: SimCoordinator, ms: number): void {
    if (!process.alive || process.stopped) return;
    this.pauses += 1;
    process.stop();
    this.#deps.clock.after(ms, () => process.continue());
  }

  /** The same leases of shards, watched: who claims them is home. */
  watch(shards: ShardStore): ShardStore {
    return {
      claim: async (coordinatorId, ...rest) => {
        const homes = await shards.claim(coordinatorId, ...rest);
        if (homes.length > 0) this.#home = coordinatorId;
        return homes;
      },
      read: () => shards.read(),
      release: (coordinatorId, given) => shards.release(coordinatorId, given),
      takeOver: (coordinatorId, seen) => shards.takeOver(coordinatorId, seen),
      readAll: () => shards.readAll(),
    };
  }
}
