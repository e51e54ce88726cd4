import type { Coordinator, CoordinatorConfig, CoordinatorDeps, FleetConfig } from '@skein/coordinator';
import { createCoordinator, defaultFleetTimes } from '@skein/coordinator';
import type { Dag, RunFact, TenantId, WorkerInfo } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { AppendRequest, PeerDialer } from '@skein/ports';
import { FakeClock } from '../fake-clock.ts';
import { createFakeExpressions } from '../fake-expressions.ts';
import type { MemoryStores } from '../memory/memory-stores.ts';
import { createMemoryStores } from '../memory/memory-stores.ts';
import type { LoggedLine } from '../memory-log.ts';
import { createMemoryLog } from '../memory-log.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSequenceIds } from '../sequence-ids.ts';
import type { StoreFaults } from './faulty-port.ts';
import { faultyPort } from './faulty-port.ts';
import type { PassedMessage } from './peer-network.ts';
import { PeerNetwork } from './peer-network.ts';
import { storedDags } from './random-project.ts';
import { ScriptedWorker } from './scene.ts';
import { SimProcess } from './sim-process.ts';

/** One coordinator of the scene: what a test may do to it. */
export interface SceneMember {
  readonly coordinatorId: string;
  readonly api: Coordinator;
  readonly process: SimProcess;
  /** Of its way to the store: `fail` 1 is a partition from it. */
  readonly faults: StoreFaults;
}

/** What kind of scene it is. */
export interface FleetSceneOptions {
  readonly dags: readonly Dag[];
  readonly config?: Partial<CoordinatorConfig>;
  /** In the place of the scene's own, by coordinator. */
  readonly deps?: (coordinatorId: string) => Partial<CoordinatorDeps>;
  /** The coordinators reach one another, at their names. */
  readonly peers?: true;
  /** Called before an append reaches the store; may reject or wait instead. */
  readonly onAppend?: (by: string, request: AppendRequest) => Promise<void>;
}

/** Several coordinators in one process on the same memory stores and one fake clock, each with a way of its own to the stores. */
export class FleetScene {
  readonly clock = new FakeClock();
  readonly hasher = createNodeHasher();
  readonly stores: MemoryStores = createMemoryStores({ clock: this.clock, hasher: this.hasher });
  readonly ids = createSequenceIds();
  readonly lines: LoggedLine[] = [];
  /** Appends that reached the store, and whose they were. */
  readonly appends: { readonly by: string; readonly at: number; readonly request: AppendRequest }[] = [];
  readonly joinToken = 'skt_join';
  /** What coordinators said to one another. */
  readonly passed: PassedMessage[] = [];
  readonly network = new PeerNetwork({ clock: this.clock, onMessage: (passed) => this.passed.push(passed) });
  readonly #options: FleetSceneOptions;
  readonly #members = new Map<string, SceneMember>();
  #starts = 0;
  /** Rows that the store answered last, and what `homes` made of them. */
  #rows: unknown;
  #homes: ReadonlyMap<number, string> = new Map();
  #workers = 0;

  constructor(options: FleetSceneOptions) {
    this.#options = options;
  }

  async open(): Promise<this> {
    const at = this.clock.now();
    const hash = this.hasher.digest(this.joinToken);
    const token = { tokenId: 'tok_join', tenant: defaultTenant, kind: 'join', name: 'join' } as const;
    await this.stores.tokens.insert({ ...token, hash, createdAt: at });
    await this.publish(this.#options.dags);
    return this;
  }

  /** Publishes DAGs behind the backs of all coordinators. */
  async publish(dags: readonly Dag[], tenant: TenantId = defaultTenant): Promise<void> {
    await this.stores.projects.publish({
      tenant,
      ...storedDags(dags, this.hasher),
      parts: [],
      agents: [],
      activate: [],
      candidates: [],
      memory: [],
      at: this.clock.now(),
    });
  }

  /** The coordinator that was started last under this name. */
  of(coordinatorId: string): SceneMember {
    const member = this.#members.get(coordinatorId);
    if (member === undefined) throw new Error(`there is no coordinator ${coordinatorId}`);
    return member;
  }

  /** Starts a coordinator, and waits until it did; its share of the shards comes later. */
  async start(coordinatorId: string, changes: Partial<FleetConfig> = {}): Promise<SceneMember> {
    this.#starts += 1;
    const process = new SimProcess(this.clock);
    const faults: StoreFaults = { fail: 0, loseAnswer: 0, crash: 0, maxDelayMs: 0, refuses: undefined };
    const fleet: FleetConfig = {
      incarnation: `incarnation-${this.#starts}`,
      peerAddress: this.#options.peers === true ? coordinatorId : '',
      workerAddress: '',
      peerSecret: 'secret of the fleet',
      ...defaultFleetTimes,
      ...changes,
    };
    const api = createCoordinator(this.#depsFor(coordinatorId, process, faults), {
      ...this.#options.config,
      coordinatorId,
      fleet,
    });
    const member: SceneMember = { coordinatorId, api, process, faults };
    this.#members.set(coordinatorId, member);
    this.network.attach(coordinatorId, { ...api, process });
    await this.finish(api.start());
    return member;
  }

  /** `kill -9`. */
  kill(coordinatorId: string): void {
    this.of(coordinatorId).process.kill();
  }

  /** `SIGSTOP`, and for so long nothing more. */
  async freeze(coordinatorId: string, ms: number): Promise<void> {
    const { process } = this.of(coordinatorId);
    process.stop();
    await this.clock.advance(ms);
    process.continue();
    await this.settle();
  }

  /** Stops it in order. */
  async stop(coordinatorId: string): Promise<void> {
    await this.finish(this.of(coordinatorId).api.stop());
  }

  /** Moves time on until this is done. */
  async finish<T>(work: Promise<T>, limitMs = 60_000): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    await this.until(() => isDone, limitMs);
    return done;
  }

  /** Moves time on, 10 ms at a time, until it holds; gives the ms that took. */
  async until(condition: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<number> {
    const beganAt = this.clock.monotonicMs();
    await this.settle();
    while (!(await condition())) {
      const tookMs = this.clock.monotonicMs() - beganAt;
      if (tookMs >= limitMs) throw new Error(`it did not hold within ${limitMs} ms`);
      await this.clock.advance(10);
    }
    return this.clock.monotonicMs() - beganAt;
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await this.clock.settle();
  }

  /** Who is home to each shard that has a home, as the store says. */
  async homes(): Promise<ReadonlyMap<number, string>> {
    const rows = await this.stores.shards.readAll();
    if (rows !== this.#rows) {
      this.#rows = rows;
      this.#homes = new Map(
        rows.flatMap(({ shard, coordinatorId }) =>
          coordinatorId === undefined ? [] : [[shard, coordinatorId] as const],
        ),
      );
    }
    return this.#homes;
  }

  /** How many shards each coordinator is home to. */
  async shares(): Promise<Readonly<Record<string, number>>> {
    const shares: Record<string, number> = {};
    for (const home of (await this.homes()).values()) shares[home] = (shares[home] ?? 0) + 1;
    return shares;
  }

  /** Moves time on until all shards are at home at just these coordinators and nothing moves any more; gives the ms that took. */
  async settledAt(coordinatorIds: readonly string[]): Promise<number> {
    let since = 0;
    let last: unknown;
    const beganAt = this.clock.monotonicMs();
    await this.until(async () => {
      const homes = await this.homes();
      // The same map until something moves.
      if (homes !== last) since = this.clock.monotonicMs();
      last = homes;
      if (this.clock.monotonicMs() - since < 300) return false;
      const are = new Set(homes.values());
      return homes.size === 256 && are.size === coordinatorIds.length && coordinatorIds.every((id) => are.has(id));
    });
    return since - beganAt;
  }

  async submit(coordinatorId: string, dag: string): Promise<string> {
    const { run } = await this.finish(this.of(coordinatorId).api.submitRun(defaultTenant, { dag }));
    return run.runId;
  }

  /** A worker whose stream ends at this coordinator, and that asks for as many tasks as it has slots. */
  async join(coordinatorId: string, changes: Partial<WorkerInfo> = {}): Promise<ScriptedWorker> {
    const worker = this.connect(coordinatorId, changes);
    worker.hello();
    worker.credits(worker.info.slots);
    await this.settle();
    return worker;
  }

  /** A worker whose stream is open there and that has said nothing. */
  connect(coordinatorId: string, changes: Partial<WorkerInfo> = {}): ScriptedWorker {
    this.#workers += 1;
    const info: WorkerInfo = {
      workerId: `wrk_${this.#workers}`,
      incarnation: `worker-${this.#workers}`,
      labels: {},
      slots: 1,
      kinds: ['shell', 'script', 'exec', 'noop', 'agent'],
      isolation: 'none',
      snapshotFormats: [1],
      version: '0.0.0',
      hostname: 'host',
      pid: 1_000 + this.#workers,
      ...changes,
    };
    return new ScriptedWorker({ coordinator: this.of(coordinatorId).api }, info, this.joinToken);
  }

  facts(runId: string): Promise<readonly RunFact[]> {
    return this.stores.runs.readFacts(defaultTenant, runId, 0);
  }

  async status(runId: string): Promise<string | undefined> {
    return (await this.stores.runs.readHead(defaultTenant, runId))?.status;
  }

  /** Lets all processes die, so that no timer is left. */
  async close(): Promise<void> {
    for (const { process } of this.#members.values()) process.kill();
    await this.stores.close();
  }

  #dialer(coordinatorId: string, process: SimProcess): PeerDialer {
    return this.network.dialer(coordinatorId, process);
  }

  #depsFor(coordinatorId: string, process: SimProcess, faults: StoreFaults): CoordinatorDeps {
    const { stores, clock } = this;
    const random = createSeededRandom(`${coordinatorId} ${this.#starts}`);
    const port = <T extends object>(of: T, synchronous: readonly (keyof T)[] = []): T =>
      faultyPort(of, { clock, random, process, faults }, synchronous);
    const runs = new Proxy(stores.runs, {
      get: (target, name) => {
        if (name === 'append') {
          return async (request: AppendRequest) => {
            await this.#options.onAppend?.(coordinatorId, request);
            this.appends.push({ by: coordinatorId, at: clock.monotonicMs(), request });
            return target.append(request);
          };
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
      },
    });
    let secrets = 0;
    return {
      clock: process.clock,
      ids: this.ids,
      hasher: this.hasher,
      secrets: { secureToken: () => `secret-${coordinatorId}-${++secrets}` },
      log: createMemoryLog(this.lines, { coordinatorId }),
      meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      runs: port(runs),
      queue: port(stores.queue, ['onAvailable']),
      projects: port(stores.projects),
      memory: port(stores.memory),
      snapshots: port(stores.snapshots),
      delivery: port(stores.delivery),
      rollouts: port(stores.rollouts),
      blobs: port(stores.blobs),
      logs: port(stores.logs, ['append']),
      tokens: port(stores.tokens),
      shards: port(stores.shards),
      members: port(stores.members),
      places: port(stores.places),
      ...(this.#options.peers === true ? { peerDialer: this.#dialer(coordinatorId, process) } : {}),
      expressions: createFakeExpressions(),
      projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
      ...this.#options.deps?.(coordinatorId),
    };
  }
}

/** An open scene, without coordinators. */
export const createFleetScene = (options: FleetSceneOptions): Promise<FleetScene> => new FleetScene(options).open();
