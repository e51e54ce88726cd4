import type { CoordinatorConfig, CoordinatorDeps } from '@skein/coordinator';
import { defaultFleetTimes } from '@skein/coordinator';
import type { Dag, RolloutId, ToolsContent, VersionId, WorkerInfo } from '@skein/domain';
import { defaultTenant, workerFeatures } from '@skein/domain';
import type { AppendOutcome, Hasher, IdSource, Random, WebhookMessage } from '@skein/ports';
import type { WorkerEndpoint } from '@skein/worker';
import { createWorkerEndpoint } from '@skein/worker';
import { FakeClock } from '../fake-clock.ts';
import { createFakeExpressions } from '../fake-expressions.ts';
import type { Faults } from '../gateway/faulty-gateway.ts';
import { createMemoryStores } from '../memory/memory-stores.ts';
import type { LoggedLine } from '../memory-log.ts';
import { createMemoryLog } from '../memory-log.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSequenceIds } from '../sequence-ids.ts';
import type { AgentBehaviour } from './agent-behaviour.ts';
import { CommitLog } from './commit-log.ts';
import type { SimCoordinator } from './coordinator-places.ts';
import { CoordinatorPlaces } from './coordinator-places.ts';
import { createCountingMeter } from './counting-meter.ts';
import type { StoreFaults } from './faulty-port.ts';
import { faultyPort } from './faulty-port.ts';
import type { FleetMutant } from './fleet-mutant.ts';
import { tamperPeers, tamperPlaces } from './fleet-mutant.ts';
import { guardGateway } from './guard-gateway.ts';
import { LeaseMirror } from './lease-mirror.ts';
import { PeerNetwork } from './peer-network.ts';
import { publishVersions } from './random-project.ts';
import type { RolloutMutant } from './rollout-mutant.ts';
import { tamperMemory, tamperRollouts, tamperRoutedAppends } from './rollout-mutant.ts';
import type { SideEffect } from './side-effects.ts';
import type { SimMutant } from './sim-mutant.ts';
import { tamperAppends, tamperLog } from './sim-mutant.ts';
import { SimProcess } from './sim-process.ts';
import type { SimulatedAgentsDeps } from './simulated-agents.ts';
import { createAgentRunner } from './simulated-agents.ts';
import type { Ledger } from './simulated-runner.ts';
import { SimulatedRunner } from './simulated-runner.ts';
import { WorkerNetwork } from './worker-network.ts';
import type { WorldGround, WorldStores } from './world-stores.ts';

/** What kind of world it is. */
export interface WorldOptions {
  readonly seed: number | string;
  /** Coordinators on the same stores; one when not given. */
  readonly coordinators?: number;
  readonly shardLeaseMs?: number;
  /** The coordinators share the runs, and reach one another. */
  readonly fleet?: true;
  readonly workers?: number;
  readonly slots?: number;
  readonly dags: readonly Dag[];
  readonly maxStepMs?: number;
  /** Chance that an attempt of a step fails. */
  readonly stepFailure?: number;
  readonly minWindow?: number;
  readonly checkpointFacts?: number;
  /** Makes the executor of agent steps, as `createAgentExecutor` does; without it they are played like shell steps. */
  readonly createAgentExecutor?: SimulatedAgentsDeps['createExecutor'];
  /** What the agents of the world declare of their tools. */
  readonly toolEffects?: ToolsContent['effects'];
  /** Agents and versions of each that are published; one version of `scout` when not given. */
  readonly agents?: readonly string[];
  readonly versions?: number;
  /** How agent steps end that no executor runs. */
  readonly behaviour?: AgentBehaviour;
  /** What commits say of rollouts is kept, and their events are sent to a receiver. */
  readonly watchesRollouts?: true;
  /** Settings of the coordinators beside those above. */
  readonly config?: Partial<CoordinatorConfig>;
  /** A defect on purpose, to prove that the oracle sees it. */
  readonly mutant?: SimMutant;
  readonly rolloutMutant?: RolloutMutant;
  readonly fleetMutant?: FleetMutant;
  /** Real stores and their clock; memory when not given. */
  readonly ground?: WorldGround;
}

/** A worker of the world: its process, its endpoint and its own network. */
export interface SimWorker {
  readonly place: number;
  readonly info: WorkerInfo;
  readonly process: SimProcess;
  readonly endpoint: WorkerEndpoint;
  readonly network: WorkerNetwork;
}

/**
 * Coordinators, workers and stores in one process on one fake clock, with seeded faults. The stores survive every crash.
 * The same seed gives the same world.
 */
export class World {
  readonly clock: FakeClock;
  readonly random: Random;
  readonly hasher: Hasher = createNodeHasher();
  readonly ids: IdSource = createSequenceIds();
  readonly stores: WorldStores;
  readonly lines: LoggedLine[] = [];
  readonly meter = createCountingMeter();
  readonly ledger: Ledger = [];
  /** What agents asked of models and did with tools. */
  readonly effects: SideEffect[] = [];
  /** Every append that reached the store: by whom, and what became of it. */
  readonly appends: { readonly by: string; readonly status: AppendOutcome['status'] }[] = [];
  readonly storeFaults: StoreFaults = { fail: 0, loseAnswer: 0, crash: 0, maxDelayMs: 0, refuses: undefined };
  readonly options: WorldOptions;
  readonly coordinators: CoordinatorPlaces;
  readonly leases = new LeaseMirror();
  /** Between the coordinators of a fleet. */
  readonly peers: PeerNetwork;
  /** Longest that a frame between coordinators takes, ms. */
  peerDelayMs = 0;
  /** Of one direction, by `FROM TO`, in the place of that. */
  readonly peerDelaysMs = new Map<string, number>();
  readonly commits: CommitLog;
  /** Versions of each agent, oldest first. */
  versions: { readonly [agentId: string]: readonly VersionId[] } = {};
  /** Events of rollouts, as the receiver of webhooks got them. */
  readonly received: { readonly rolloutId: RolloutId; readonly seq: number }[] = [];
  /** Results that reached a coordinator: run, step and token. */
  readonly arrived = new Set<string>();
  /** Broken rules that only the moment showed. */
  readonly seen: string[] = [];
  /** Somebody set a clock: instants of different processes cannot be compared. */
  clocksJumped = false;
  workers: SimWorker[] = [];
  workerCrashes = 0;
  workerPauses = 0;
  #token = 1;
  #faults: Partial<Faults> = {};
  #starts = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = createSeededRandom(options.seed);
    this.clock = options.ground?.clock ?? new FakeClock();
    this.stores = options.ground?.stores ?? createMemoryStores({ clock: this.clock, hasher: this.hasher });
    this.commits = new CommitLog(this.stores, options.agents ?? ['scout']);
    const delays = this.random.fork('peers');
    this.peers = new PeerNetwork({
      clock: this.clock,
      delayMs: (from, to) => {
        const maxMs = this.peerDelaysMs.get(`${from} ${to}`) ?? this.peerDelayMs;
        return maxMs === 0 ? 0 : delays.integer(maxMs);
      },
      ...(options.fleetMutant === undefined ? {} : { tamper: tamperPeers(options.fleetMutant) }),
    });
    const configOf = (coordinatorId: string) => ({
      incarnation: `${coordinatorId}-${++this.#starts}`,
      peerAddress: coordinatorId,
      workerAddress: coordinatorId,
      peerSecret: 'secret of the fleet',
      ...defaultFleetTimes,
    });
    this.coordinators = new CoordinatorPlaces({
      clock: this.clock,
      count: options.coordinators ?? 1,
      config: {
        minWindow: options.minWindow ?? 4,
        checkpointFacts: options.checkpointFacts ?? 16,
        ...(options.shardLeaseMs === undefined ? {} : { shardLeaseMs: options.shardLeaseMs }),
        ...options.config,
      },
      ...(options.fleet === undefined ? {} : { fleet: { network: this.peers, configOf } }),
      switchboard: {
        isFleet: options.fleet === true,
        leases: this.leases,
        mutant: options.mutant,
        arrived: this.arrived,
        report: (problem) => this.seen.push(problem),
      },
      depsFor: (process, coordinatorId) => this.#depsFor(process, coordinatorId),
    });
  }

  /** A coordinator that is alive, if there is one: that which is home to the runs, if it lives. */
  get coordinator(): SimCoordinator | undefined {
    return this.coordinators.alive[0];
  }

  /** Publishes the DAGs and starts everything without faults. */
  async start(): Promise<void> {
    const { dags, agents = ['scout'], versions: count = 1, toolEffects: effects } = this.options;
    this.versions = await publishVersions(this.stores.projects, this.hasher, defaultTenant, dags, this.clock.now(), {
      agents,
      count,
      ...(effects === undefined ? {} : { effects }),
    });
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

  /** Starts the coordinators that are not there, on what the stores hold. They may die on the way. */
  async startCoordinator(): Promise<void> {
    for (const place of this.coordinators.empty) await this.coordinators.start(place);
  }

  /** `kill -9` of the coordinator that is home to the runs. */
  crashCoordinator(): void {
    this.coordinator?.process.kill();
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
      features: workerFeatures,
      version: '0.0.0',
      hostname: `host-${place}`,
      pid: 1_000 + this.#starts,
    };
    const random = this.random.fork(`worker ${this.#starts}`);
    const { switchboards } = this.coordinators;
    const addresses = [...switchboards.keys()];
    const network = new WorkerNetwork(
      switchboards,
      this.#starts % 2 === 1 ? addresses : addresses.toReversed(),
      { clock: this.clock, random: random.fork('network') },
      this.#faults,
    );
    const log = createMemoryLog(this.lines, { process: info.workerId });
    const stepFailure = this.options.stepFailure ?? 0.2;
    const { createAgentExecutor } = this.options;
    const agents =
      createAgentExecutor === undefined
        ? undefined
        : createAgentRunner({
            createExecutor: createAgentExecutor,
            clock: process.clock,
            random: random.fork('agents'),
            hasher: this.hasher,
            log,
            meter: this.meter,
            effects: this.effects,
            isCurrent: (task) => this.leases.isCurrent(task),
            failure: stepFailure,
          });
    const runner = new SimulatedRunner({
      clock: process.clock,
      random: random.fork('runner'),
      workerId: info.workerId,
      ledger: this.ledger,
      maxStepMs: this.options.maxStepMs ?? 1_500,
      failure: stepFailure,
      ...(agents === undefined ? {} : { agents }),
      ...(this.options.behaviour === undefined ? {} : { behaviour: this.options.behaviour }),
    });
    const endpoint = createWorkerEndpoint(
      {
        gateway: guardGateway(network.gateway, process),
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
      network.cutAll();
    });
    this.workers = [
      ...this.workers.filter((worker) => worker.process.alive),
      { place, info, process, endpoint, network },
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
        for (const switchboard of this.coordinators.switchboards.values()) {
          switchboard
            .reportExit({ token: this.joinToken }, { workerId, incarnation, signal: 'SIGKILL' })
            .catch(() => undefined);
        }
      });
    }
  }

  /** Sets the faults of every worker's network, also of those to come. */
  setNetworkFaults(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults };
    for (const worker of this.workers) worker.network.setFaults(faults);
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

  /** The far end of a webhook: what comes is counted, whoever sent it. */
  readonly #receive = async (_name: string, { body }: WebhookMessage): Promise<void> => {
    const { data } = JSON.parse(body) as { readonly data: { readonly rolloutId: RolloutId; readonly seq: number } };
    this.received.push({ rolloutId: data.rolloutId, seq: data.seq });
  };

  #depsFor(process: SimProcess, coordinatorId: string): CoordinatorDeps {
    const { stores, hasher, ids, clock } = this;
    const { mutant } = this.options;
    const note = (status: AppendOutcome['status']): void => void this.appends.push({ by: coordinatorId, status });
    const random = this.random.fork(`store ${coordinatorId} ${this.coordinators.crashes}`);
    const deps = { clock, random, process, faults: this.storeFaults };
    const secrets = { secureToken: () => `secret-${this.random.integer(1_000_000_000)}` };
    const { watchesRollouts, rolloutMutant } = this.options;
    const isWatched = watchesRollouts === true;
    const projects = isWatched ? this.commits.watchProjects(stores.projects) : stores.projects;
    const rollouts = isWatched ? this.commits.watchRollouts(stores.rollouts) : stores.rollouts;
    const runs = this.leases.watch(isWatched ? this.commits.watchRuns(stores.runs) : stores.runs, note);
    const webhooks = { names: ['receiver'], send: this.#receive };
    const faultyProjects = faultyPort(projects, deps);
    return {
      clock: process.clock,
      ids,
      hasher,
      secrets,
      log: createMemoryLog(this.lines, { process: 'coordinator', coordinatorId }),
      meter: this.meter,
      runs: faultyPort(tamperLog(mutant, tamperRoutedAppends(rolloutMutant, tamperAppends(mutant, runs))), deps),
      queue: faultyPort(stores.queue, deps, ['onAvailable']),
      projects: faultyProjects,
      memory: tamperMemory(rolloutMutant, faultyPort(stores.memory, deps)),
      snapshots: faultyPort(stores.snapshots, deps),
      delivery: faultyPort(stores.delivery, deps),
      rollouts: tamperRollouts(rolloutMutant, faultyPort(rollouts, deps), faultyProjects, process.clock),
      ...(isWatched ? { webhooks: faultyPort(webhooks, deps) } : {}),
      expressions: createFakeExpressions(),
      blobs: faultyPort(stores.blobs, deps),
      logs: faultyPort(stores.logs, deps, ['append']),
      tokens: faultyPort(stores.tokens, deps),
      shards: faultyPort(this.coordinators.watch(stores.shards), deps),
      ...(this.options.fleet === undefined
        ? {}
        : {
            members: faultyPort(stores.members, deps),
            places: faultyPort(tamperPlaces(this.options.fleetMutant, stores.places), deps),
            peerDialer: this.peers.dialer(coordinatorId, process),
          }),
      projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
    };
  }
}

/** A world of this kind; nothing runs before `start`. */
export const createWorld = (options: WorldOptions): World => new World(options);
