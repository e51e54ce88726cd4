import type { Coordinator, CoordinatorDeps } from '@skein/coordinator';
import { createCoordinator } from '@skein/coordinator';
import type { Dag, WorkerInfo } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { Hasher, IdSource, Meter, Random } from '@skein/ports';
import type { WorkerEndpoint } from '@skein/worker';
import { createWorkerEndpoint } from '@skein/worker';
import { FakeClock } from '../fake-clock.ts';
import type { Faults } from '../gateway/faulty-gateway.ts';
import { FaultyGateway } from '../gateway/faulty-gateway.ts';
import type { MemoryStores } from '../memory/memory-stores.ts';
import { createMemoryStores } from '../memory/memory-stores.ts';
import type { LoggedLine } from '../memory-log.ts';
import { createMemoryLog } from '../memory-log.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSequenceIds } from '../sequence-ids.ts';
import type { StoreFaults } from './faulty-port.ts';
import { faultyPort } from './faulty-port.ts';
import { guardGateway } from './guard-gateway.ts';
import { LeaseMirror } from './lease-mirror.ts';
import { publishProject } from './random-project.ts';
import type { SimMutant } from './sim-mutant.ts';
import { tamperLog } from './sim-mutant.ts';
import { SimProcess } from './sim-process.ts';
import type { Ledger } from './simulated-runner.ts';
import { SimulatedRunner } from './simulated-runner.ts';
import { Switchboard } from './switchboard.ts';

/** What kind of world it is. */
export interface WorldOptions {
  readonly seed: number | string;
  readonly workers?: number;
  readonly slots?: number;
  readonly dags: readonly Dag[];
  readonly maxStepMs?: number;
  /** Chance that an attempt of a step fails. */
  readonly stepFailure?: number;
  readonly minWindow?: number;
  readonly checkpointFacts?: number;
  /** A defect on purpose, to prove that the oracle sees it. */
  readonly mutant?: SimMutant;
}

/** A worker of the world: its process, its endpoint and its own network. */
export interface SimWorker {
  readonly place: number;
  readonly info: WorkerInfo;
  readonly process: SimProcess;
  readonly endpoint: WorkerEndpoint;
  readonly gateway: FaultyGateway;
}

/** Counts what the meter was told; names only. */
export interface CountingMeter extends Meter {
  readonly counts: Map<string, number>;
}

const createMeter = (): CountingMeter => {
  const counts = new Map<string, number>();
  return {
    counts,
    count: (name, by = 1, labels = {}) => {
      const key = [name, ...Object.values(labels)].join(' ');
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
    gauge: () => undefined,
    observe: () => undefined,
  };
};

/**
 * A coordinator, workers and stores in one process on one fake clock, with seeded faults. The stores survive every crash.
 * The same seed gives the same world.
 */
export class World {
  readonly clock = new FakeClock();
  readonly random: Random;
  readonly hasher: Hasher = createNodeHasher();
  readonly ids: IdSource = createSequenceIds();
  readonly stores: MemoryStores;
  readonly lines: LoggedLine[] = [];
  readonly meter = createMeter();
  readonly ledger: Ledger = [];
  readonly storeFaults: StoreFaults = { fail: 0, loseAnswer: 0, crash: 0, maxDelayMs: 0, refuseAppends: false };
  readonly options: WorldOptions;
  readonly switchboard: Switchboard;
  readonly leases = new LeaseMirror();
  /** Results that reached a coordinator: run, step and token. */
  readonly arrived = new Set<string>();
  /** Broken rules that only the moment showed. */
  readonly seen: string[] = [];
  workers: SimWorker[] = [];
  coordinatorCrashes = 0;
  workerCrashes = 0;
  workerPauses = 0;
  #token = 1;
  #faults: Partial<Faults> = {};
  #coordinator: { readonly api: Coordinator; readonly process: SimProcess } | undefined;
  #starts = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = createSeededRandom(options.seed);
    this.stores = createMemoryStores({ clock: this.clock, hasher: this.hasher });
    this.switchboard = new Switchboard({
      clock: this.clock,
      leases: this.leases,
      mutant: options.mutant,
      arrived: this.arrived,
      report: (problem) => this.seen.push(problem),
    });
  }

  /** The coordinator that is alive and started, if there is one. */
  get coordinator(): { readonly api: Coordinator; readonly process: SimProcess } | undefined {
    return this.#coordinator?.process.alive === true ? this.#coordinator : undefined;
  }

  /** Publishes the DAGs and starts everything without faults. */
  async start(): Promise<void> {
    await publishProject(this.stores.projects, this.hasher, defaultTenant, this.options.dags, this.clock.now());
    await this.#insertToken();
    await this.startCoordinator();
    for (let place = 0; place < (this.options.workers ?? 2); place += 1) this.startWorker(place);
  }

  /** A new join token; the old one is revoked as another coordinator would, so that this one finds out by itself. */
  async replaceToken(): Promise<void> {
    const old = this.#token;
    this.#token += 1;
    await this.#insertToken();
    await this.stores.tokens.revoke(defaultTenant, `tok_${old}`, this.clock.now());
  }

  /** `SIGSTOP` of a worker for so long; its supervisor notices nothing. */
  pauseWorker(worker: SimWorker, ms: number): void {
    if (!worker.process.alive || worker.process.stopped) return;
    this.workerPauses += 1;
    worker.process.stop();
    this.clock.after(ms, () => worker.process.continue());
  }

  /** Starts a coordinator on what the stores hold. It may die on the way. */
  async startCoordinator(): Promise<void> {
    if (this.coordinator !== undefined) return;
    const process = new SimProcess(this.clock);
    process.onDeath(() => {
      this.coordinatorCrashes += 1;
    });
    const api = createCoordinator(this.#depsFor(process), {
      coordinatorId: 'coordinator',
      minWindow: this.options.minWindow ?? 4,
      checkpointFacts: this.options.checkpointFacts ?? 16,
    });
    const started = { api, process };
    const death = new Promise<void>((resolve) => process.onDeath(resolve));
    this.#coordinator = started;
    await Promise.race([api.start().catch(() => process.kill()), death]);
    if (process.alive) this.switchboard.connect(api.gateway, process);
  }

  /** `kill -9` of the coordinator. */
  crashCoordinator(): void {
    this.#coordinator?.process.kill();
  }

  /** Starts a new worker process in a place; place 0 is in zone `a`. */
  startWorker(place: number): void {
    if (this.workers.some((worker) => worker.place === place && worker.process.alive)) return;
    this.#starts += 1;
    const process = new SimProcess(this.clock);
    const info: WorkerInfo = {
      workerId: this.ids.next('wrk'),
      incarnation: `incarnation-${this.#starts}`,
      labels: place === 0 ? { zone: 'a' } : { zone: 'b' },
      slots: this.options.slots ?? 2,
      kinds: ['shell', 'script', 'exec', 'noop', 'agent'],
      isolation: 'none',
      snapshotFormats: [1],
      version: '0.0.0',
      hostname: `host-${place}`,
      pid: 1_000 + this.#starts,
    };
    const random = this.random.fork(`worker ${this.#starts}`);
    const gateway = new FaultyGateway(
      { target: this.switchboard, clock: this.clock, random: random.fork('network') },
      this.#faults,
    );
    const runner = new SimulatedRunner({
      clock: process.clock,
      random: random.fork('runner'),
      workerId: info.workerId,
      ledger: this.ledger,
      maxStepMs: this.options.maxStepMs ?? 1_500,
      failure: this.options.stepFailure ?? 0.2,
    });
    const log = createMemoryLog(this.lines, { process: info.workerId });
    const endpoint = createWorkerEndpoint(
      {
        gateway: guardGateway(gateway, process),
        runner,
        clock: process.clock,
        random: random.fork('endpoint'),
        log,
        meter: this.meter,
      },
      { credentials: { token: this.joinToken }, info },
    );
    process.onDeath(() => {
      this.workerCrashes += 1;
      // The operating system closes a dead process's sockets.
      gateway.cutAll();
    });
    this.workers = [
      ...this.workers.filter((worker) => worker.process.alive),
      { place, info, process, endpoint, gateway },
    ];
    endpoint.start();
  }

  /** `kill -9` of a worker; its stream breaks. `reportsAfterMs` is when its launcher says so: never, once or repeatedly. */
  crashWorker(worker: SimWorker, reportsAfterMs: readonly number[]): void {
    if (!worker.process.alive) return;
    worker.process.kill();
    const { workerId, incarnation } = worker.info;
    for (const afterMs of reportsAfterMs) {
      this.clock.after(afterMs, () => {
        this.switchboard
          .reportExit({ token: this.joinToken }, { workerId, incarnation, signal: 'SIGKILL' })
          .catch(() => undefined);
      });
    }
  }

  /** Sets the faults of every worker's network, also of those to come. */
  setNetworkFaults(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults };
    for (const worker of this.workers) worker.gateway.setFaults(faults);
  }

  /** The join token that counts now. */
  get joinToken(): string {
    return `skt_join_${this.#token}`;
  }

  async #insertToken(): Promise<void> {
    await this.stores.tokens.insert({
      tokenId: `tok_${this.#token}`,
      tenant: defaultTenant,
      kind: 'join',
      name: 'join',
      hash: this.hasher.digest(this.joinToken),
      createdAt: this.clock.now(),
    });
  }

  #depsFor(process: SimProcess): CoordinatorDeps {
    const { stores, hasher, ids, clock } = this;
    const random = this.random.fork(`store ${this.coordinatorCrashes}`);
    const deps = { clock, random, process, faults: this.storeFaults };
    const secrets = { secureToken: () => `secret-${this.random.integer(1_000_000_000)}` };
    return {
      clock: process.clock,
      ids,
      hasher,
      secrets,
      log: createMemoryLog(this.lines, { process: 'coordinator' }),
      meter: this.meter,
      runs: faultyPort(tamperLog(this.options.mutant, this.leases.watch(stores.runs)), deps),
      queue: faultyPort(stores.queue, deps, ['onAvailable']),
      projects: faultyPort(stores.projects, deps),
      memory: faultyPort(stores.memory, deps),
      snapshots: faultyPort(stores.snapshots, deps),
      delivery: faultyPort(stores.delivery, deps),
      blobs: faultyPort(stores.blobs, deps),
      logs: faultyPort(stores.logs, deps, ['append']),
      tokens: faultyPort(stores.tokens, deps),
      shards: faultyPort(stores.shards, deps),
      projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
    };
  }
}

/** A world of this kind; nothing runs before `start`. */
export const createWorld = (options: WorldOptions): World => new World(options);
