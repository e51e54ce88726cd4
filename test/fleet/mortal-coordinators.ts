import type { Coordinator, CoordinatorConfig, CoordinatorDeps } from '@skein/coordinator';
import { createCoordinator, defaultFleetTimes } from '@skein/coordinator';
import { openPostgresStores, type SqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import { createFakeExpressions, createMemoryLog, SimProcess } from '@skein/testkit';

/** The clock of the machine, which the coordinators of this process share. */
export const clock = createSystemClock();

const never = new Promise<never>(() => undefined);

/** A coordinator that can be killed within this process: its timers die, and nothing it asks for is asked or answered. */
export interface MortalCoordinator {
  readonly coordinatorId: string;
  readonly api: Coordinator;
  readonly process: SimProcess;
  /** Of a connection that outlives the coordinator. */
  readonly stores: SqlStores;
}

/** What a test does to a call of a store: `own` asks the store. */
export type OnStoreCall = (
  call: {
    readonly by: MortalCoordinator;
    readonly port: string;
    readonly method: string;
    readonly args: readonly unknown[];
  },
  own: (args?: readonly unknown[]) => Promise<unknown>,
) => Promise<unknown>;

/** Waits until it holds. */
export const until = async (holds: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> => {
  const beganAt = clock.monotonicMs();
  while (!(await holds())) {
    if (clock.monotonicMs() - beganAt > limitMs) throw new Error(`it did not hold within ${limitMs} ms`);
    await clock.sleep(10);
  }
};

/** Several coordinators in this process over one PostgreSQL, each with connections of its own. They do not reach one another. */
export class MortalCoordinators {
  readonly #url: string;
  readonly #config: Partial<CoordinatorConfig>;
  readonly #all: MortalCoordinator[] = [];
  /** May delay, change or refuse what coordinators ask of `runs` and `rollouts`. */
  onCall: OnStoreCall | undefined;

  constructor(url: string, config: Partial<CoordinatorConfig> = {}) {
    this.#url = url;
    this.#config = config;
  }

  get alive(): readonly MortalCoordinator[] {
    return this.#all.filter(({ process }) => process.alive);
  }

  of(coordinatorId: string): MortalCoordinator {
    const found = this.alive.find((each) => each.coordinatorId === coordinatorId);
    if (found === undefined) throw new Error(`there is no coordinator ${coordinatorId}`);
    return found;
  }

  /** Opens the stores of a coordinator, migrates the database and starts it. */
  async start(coordinatorId: string): Promise<MortalCoordinator> {
    const process = new SimProcess(clock);
    const [ids, hasher, log] = [createIdSource(), createHasher(), createMemoryLog()];
    const stores = await openPostgresStores({ url: this.#url, clock, log, ids, hasher });
    const held: { by?: MortalCoordinator } = {};
    const ports = Object.fromEntries(
      Object.entries(stores).map(([name, port]) => [
        name,
        typeof port === 'object' && port !== null ? this.#mortal(name, port as object, process, held) : port,
      ]),
    ) as unknown as SqlStores;
    const deps: CoordinatorDeps = {
      ...ports,
      clock: process.clock,
      ids,
      hasher,
      secrets: createSecrets(),
      log,
      meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      expressions: createFakeExpressions(),
      projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
    };
    const incarnation = ids.next('ses');
    const fleet = { incarnation, peerAddress: '', workerAddress: '', ...defaultFleetTimes };
    const api = createCoordinator(deps, { ...this.#config, coordinatorId, fleet });
    const member = { coordinatorId, api, process, stores };
    held.by = member;
    this.#all.push(member);
    await api.start();
    return member;
  }

  /** Who is home to each shard that has a home, as the store says. */
  async homes(): Promise<ReadonlyMap<number, string>> {
    const rows = (await this.#all[0]?.stores.shards.readAll()) ?? [];
    return new Map(
      rows.flatMap(({ shard, coordinatorId }) => (coordinatorId === undefined ? [] : [[shard, coordinatorId]])),
    );
  }

  /** Resolves when each living coordinator is home to its share, and ready. */
  async settled(limitMs?: number): Promise<void> {
    await until(async () => {
      const homes = [...(await this.homes()).values()];
      const least = Math.floor(128 / this.alive.length);
      return this.alive.every(
        ({ api, coordinatorId }) =>
          api.readiness().status === 'ready' && homes.filter((home) => home === coordinatorId).length >= least,
      );
    }, limitMs);
  }

  /** Stops who is alive, and closes everything. */
  async close(): Promise<void> {
    this.onCall = undefined;
    for (const { api } of this.alive) await api.stop();
    for (const { stores } of this.#all) await stores.close();
  }

  /** The port as a process sees it that may be dead. */
  #mortal<T extends object>(port: string, of: T, process: SimProcess, held: { readonly by?: MortalCoordinator }): T {
    const watched = port === 'runs' || port === 'rollouts';
    return new Proxy(of, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const ask = (args: readonly unknown[]): unknown =>
          process.alive ? (member as (...all: unknown[]) => unknown).apply(target, [...args]) : never;
        const hear = (answer: unknown): unknown =>
          answer instanceof Promise ? answer.then((value: unknown) => (process.alive ? value : never)) : answer;
        return (...args: unknown[]): unknown => {
          const { onCall } = this;
          if (!watched || onCall === undefined || held.by === undefined) return hear(ask(args));
          const call = { by: held.by, port, method: String(name), args };
          return hear(onCall(call, async (changed) => ask(changed ?? args)));
        };
      },
    });
  }
}
