import type { Coordinator, CoordinatorConfig, CoordinatorDeps, RunSummary } from '@skein/coordinator';
import { createCoordinator } from '@skein/coordinator';
import type { Dag, RunFact, TaskOffer, TaskOutcome, TaskRef, ValueRef, WorkerInfo } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { AppendRequest, CoordinatorMessage, RunStore, StreamLink, WorkerMessage } from '@skein/ports';
import { FakeClock } from '../fake-clock.ts';
import { createFakeExpressions } from '../fake-expressions.ts';
import type { MemoryStores } from '../memory/memory-stores.ts';
import { createMemoryStores } from '../memory/memory-stores.ts';
import type { LoggedLine } from '../memory-log.ts';
import { createMemoryLog } from '../memory-log.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createSequenceIds } from '../sequence-ids.ts';
import { storedDags } from './random-project.ts';
import { SimProcess } from './sim-process.ts';

type Offered = Extract<CoordinatorMessage, { readonly type: 'offer' }>['offer'];

const refOf = ({ runId, step, attempt, token }: TaskRef): TaskRef => ({ runId, step, attempt, token });

/** A worker that does only what a test tells it. It answers offers with nothing; the test sees all that it was sent. */
export class ScriptedWorker {
  readonly info: WorkerInfo;
  readonly received: CoordinatorMessage[] = [];
  closed = false;
  readonly #link: StreamLink<WorkerMessage>;
  #seen = 0;

  constructor(scene: { readonly coordinator: Pick<Coordinator, 'gateway'> }, info: WorkerInfo, token: string) {
    this.info = info;
    this.#link = scene.coordinator.gateway.openWorkerStream(
      { token },
      {
        onMessage: (message) => {
          this.received.push(message);
          if (message.type === 'offer') this.#seen += 1;
        },
        onClosed: () => {
          this.closed = true;
        },
      },
    );
  }

  /** Offers on this stream, oldest first. */
  get offers(): readonly Offered[] {
    return this.of('offer').map(({ offer }) => offer);
  }

  /** Received messages of one type. */
  of<T extends CoordinatorMessage['type']>(type: T): readonly Extract<CoordinatorMessage, { readonly type: T }>[] {
    return this.received.filter(
      (message): message is Extract<CoordinatorMessage, { readonly type: T }> => message.type === type,
    );
  }

  send(message: WorkerMessage): void {
    this.#link.send(message);
  }

  hello(changes: Partial<Extract<WorkerMessage, { readonly type: 'hello' }>> = {}): void {
    const protocol = { min: 1, max: 1 };
    this.send({ type: 'hello', protocol, worker: this.info, held: [], running: [], unacknowledged: [], ...changes });
  }

  credits(free: number): void {
    this.send({ type: 'credits', free, offersSeen: this.#seen });
  }

  beat(): void {
    this.send({ type: 'heartbeat', sentAtMs: 0, running: 0 });
  }

  start(offer: TaskRef): void {
    this.send({ type: 'received', task: refOf(offer) });
    this.send({ type: 'started', task: refOf(offer) });
  }

  /** Sends a result, and that its slot is free again. */
  finish(
    offer: TaskRef,
    outcome: TaskOutcome = { status: 'succeeded' },
    outputs: { readonly [name: string]: ValueRef } = {},
    stdout?: string,
  ): void {
    const base = { ...refOf(offer), outcome, outputs, durationMs: 1, exitCode: outcome.status === 'succeeded' ? 0 : 1 };
    this.send({ type: 'result', result: stdout === undefined ? base : { ...base, stdout: { inline: stdout } } });
  }

  /** The stream breaks. */
  break(): void {
    this.#link.close();
  }
}

/** Outcome, outputs and stdout of a result. */
type Answer = Parameters<ScriptedWorker['finish']> extends [unknown, ...infer Rest] ? Rest : never;

/** What kind of scene it is. */
export interface SceneOptions {
  readonly dags: readonly Dag[];
  readonly config?: Partial<CoordinatorConfig>;
  /** In the place of the scene's own. */
  readonly deps?: Partial<CoordinatorDeps>;
  /** Stores in the place of the scene's own, made of these. */
  readonly wrap?: (stores: MemoryStores) => Partial<CoordinatorDeps>;
  /** Called before an append reaches the store; may reject instead, and is told how to do it. */
  readonly onAppend?: (request: AppendRequest, append: RunStore['append']) => ReturnType<RunStore['append']>;
}

/** One coordinator on memory stores and a fake clock, with scripted workers: for tests of single behaviours. */
export class Scene {
  readonly clock = new FakeClock();
  readonly hasher = createNodeHasher();
  readonly stores: MemoryStores = createMemoryStores({ clock: this.clock, hasher: this.hasher });
  readonly ids = createSequenceIds();
  readonly lines: LoggedLine[] = [];
  readonly appends: AppendRequest[] = [];
  coordinator: Coordinator;
  onAppend: NonNullable<SceneOptions['onAppend']>;
  readonly joinToken = 'skt_join';
  readonly #options: SceneOptions;
  #process: SimProcess;
  #workers = 0;

  constructor(options: SceneOptions) {
    this.#options = options;
    this.onAppend = options.onAppend ?? ((request, append) => append(request));
    this.#process = new SimProcess(this.clock);
    this.coordinator = this.#create();
  }

  async open(): Promise<this> {
    const createdAt = this.clock.now();
    const hash = this.hasher.digest(this.joinToken);
    await this.stores.tokens.insert({
      tokenId: 'tok_join',
      tenant: defaultTenant,
      kind: 'join',
      name: 'join',
      hash,
      createdAt,
    });
    await this.publish(this.#options.dags);
    await this.coordinator.start();
    return this;
  }

  async publish(dags: readonly Dag[]): Promise<void> {
    await this.stores.projects.publish({
      tenant: defaultTenant,
      ...storedDags(dags, this.hasher),
      parts: [],
      agents: [],
      activate: [],
      candidates: [],
      memory: [],
      at: this.clock.now(),
    });
  }

  /** A worker that has joined and asks for `slots` tasks. */
  async join(changes: Partial<WorkerInfo> = {}): Promise<ScriptedWorker> {
    const worker = this.connect(changes);
    worker.hello();
    worker.credits(worker.info.slots);
    await this.settle();
    return worker;
  }

  /** A worker whose stream is open and that has said nothing. */
  connect(changes: Partial<WorkerInfo> = {}, token: string = this.joinToken): ScriptedWorker {
    this.#workers += 1;
    const info: WorkerInfo = {
      workerId: `wrk_${this.#workers}`,
      incarnation: `incarnation-${this.#workers}`,
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
    return new ScriptedWorker(this, info, token);
  }

  /** Submits and lets everything that follows happen. */
  async submit(dag: string, changes: Omit<Parameters<Coordinator['submitRun']>[1], 'dag'> = {}): Promise<string> {
    const { run } = await this.coordinator.submitRun(defaultTenant, { dag, ...changes });
    await this.settle();
    return run.runId;
  }

  view(runId: string): ReturnType<Coordinator['getRun']> {
    return this.coordinator.getRun(defaultTenant, runId);
  }

  /** The runs that steps of a run called, newest first. */
  async children(parentRunId: string): Promise<readonly RunSummary[]> {
    return (await this.coordinator.listRuns({ tenant: defaultTenant, parentRunId, limit: 100 })).items;
  }

  /** Answers the offer at this place with a result, gives the slot back and lets everything that follows happen. */
  async answer(worker: ScriptedWorker, place: number, ...result: Answer): Promise<void> {
    const offer = worker.offers[place];
    if (offer === undefined) throw new Error(`there is no offer ${place}`);
    worker.finish(offer, ...result);
    worker.credits(1);
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await this.clock.settle();
  }

  facts(runId: string): Promise<readonly RunFact[]> {
    return this.stores.runs.readFacts(defaultTenant, runId, 0);
  }

  async types(runId: string): Promise<readonly string[]> {
    return (await this.facts(runId)).map(({ type }) => type);
  }

  async status(runId: string): Promise<string | undefined> {
    return (await this.stores.runs.readHead(defaultTenant, runId))?.status;
  }

  /** `kill -9` of the coordinator and a start of another on the same stores. */
  async restart(): Promise<void> {
    this.#process.kill();
    this.#process = new SimProcess(this.clock);
    this.coordinator = this.#create();
    await this.coordinator.start();
    await this.settle();
  }

  async close(): Promise<void> {
    await this.coordinator.stop();
    await this.stores.close();
  }

  #create(): Coordinator {
    const { stores, hasher, ids } = this;
    const process = this.#process;
    const runs = new Proxy(stores.runs, {
      get: (target, name) => {
        if (name === 'append') {
          return (request: AppendRequest) => {
            this.appends.push(request);
            return this.onAppend(request, (own) => target.append(own));
          };
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
      },
    });
    let secrets = 0;
    const deps: CoordinatorDeps = {
      clock: process.clock,
      ids,
      hasher,
      secrets: { secureToken: () => `secret-${++secrets}` },
      log: createMemoryLog(this.lines),
      meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      ...stores,
      runs,
      expressions: createFakeExpressions(),
      projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
      ...this.#options.wrap?.(stores),
      ...this.#options.deps,
    };
    return createCoordinator(deps, { coordinatorId: 'coordinator', ...this.#options.config });
  }
}

/** An open scene. */
export const createScene = (options: SceneOptions): Promise<Scene> => new Scene(options).open();

/** The plain reference of an offer. */
export const taskOf = (offer: TaskOffer): TaskRef => refOf(offer);
