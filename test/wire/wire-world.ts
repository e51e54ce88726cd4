import { type Coordinator, type CoordinatorConfig, createCoordinator } from '@skein/coordinator';
import { type Digest, defaultSnapshotLimits, defaultTenant, type StepKind } from '@skein/domain';
import { createGrpcGateway, serveGateway } from '@skein/grpc';
import type { CoordinatorGateway, ExecutionContext, PartRequest, SecretSource, TaskRunner } from '@skein/ports';
import { createSnapshotOpener, type SnapshotFormat } from '@skein/snapshot';
import { createHasher, createIdSource, createSecrets, createSystemClock, createSystemRandom } from '@skein/telemetry';
import {
  createFakeExpressions,
  createMemoryLog,
  createMemoryStores,
  type LoggedLine,
  patientLimits as limits,
  type MemoryStores,
  SimProcess,
} from '@skein/testkit';
import { createTaskRunner, createWorkerEndpoint, type WorkerEndpoint } from '@skein/worker';
import { type CutProxy, openCutProxy } from './cut-proxy.ts';

const joinToken = 'skt_join';
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** A coordinator behind gRPC, and what it was asked for. */
export interface ServedCoordinator {
  readonly coordinator: Coordinator;
  readonly port: number;
  /** Calls for parts, in order. */
  readonly partRequests: readonly PartRequest[];
  /** Compressed size of each part that was asked for. */
  readonly sizes: ReadonlyMap<Digest, number>;
  readonly envelopes: () => number;
  /** `kill -9`. */
  kill(): Promise<void>;
}

/** A worker over gRPC, with a real endpoint, runner and cache, and steps that do what the test says. */
export interface WireWorker {
  readonly endpoint: WorkerEndpoint;
  readonly runner: TaskRunner;
}

/** Coordinators on one store, workers, and a network between them that can be cut. */
export class WireWorld {
  readonly stores: MemoryStores;
  readonly hasher = createHasher();
  readonly lines: LoggedLine[] = [];
  readonly #clock = createSystemClock();
  readonly #cleanUps: (() => Promise<void> | void)[] = [];
  #proxy: CutProxy | undefined;
  #workers = 0;

  constructor() {
    this.stores = createMemoryStores({ clock: this.#clock, hasher: this.hasher });
  }

  get proxy(): CutProxy {
    if (this.#proxy === undefined) throw new Error('no coordinator was started');
    return this.#proxy;
  }

  async open(): Promise<this> {
    await this.stores.tokens.insert({
      tokenId: 'tok_join',
      tenant: defaultTenant,
      kind: 'join',
      name: 'join',
      hash: this.hasher.digest(joinToken),
      createdAt: 0,
    });
    return this;
  }

  /** Starts a coordinator on the store, and leads the network to it. */
  async start(
    config: Partial<CoordinatorConfig> = {},
    deps: { readonly secretValues?: SecretSource } = {},
  ): Promise<ServedCoordinator> {
    const process = new SimProcess(this.#clock);
    const log = createMemoryLog(this.lines);
    const coordinator = createCoordinator(
      {
        ...this.stores,
        ...deps,
        clock: process.clock,
        ids: createIdSource(),
        hasher: this.hasher,
        secrets: createSecrets(),
        log,
        meter,
        projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
        expressions: createFakeExpressions(),
      },
      // Attempts are counted: no lease lapses while the machine stands still.
      { coordinatorId: 'coordinator', leaseMs: 120_000, ...config },
    );
    await coordinator.start();
    const partRequests: PartRequest[] = [];
    const sizes = new Map<Digest, number>();
    let envelopes = 0;
    const { gateway } = coordinator;
    const counting: CoordinatorGateway = {
      ...gateway,
      fetchSnapshot: (...args) => {
        envelopes += 1;
        return gateway.fetchSnapshot(...args);
      },
      fetchPart: async (credentials, sessionId, request, onBytes, signal) => {
        partRequests.push(request);
        const size = await gateway.fetchPart(credentials, sessionId, request, onBytes, signal);
        sizes.set(request.part, size);
        return size;
      },
    };
    const served = await serveGateway({ gateway: counting, address: '127.0.0.1:0', log, meter, limits });
    const port = Number(served.address.split(':')[1]);
    if (this.#proxy === undefined) {
      this.#proxy = await openCutProxy(port);
      this.#cleanUps.push(() => this.#proxy?.close());
    }
    this.#proxy.lead(port);
    let killed = false;
    this.#cleanUps.push(async () => {
      if (!killed) await coordinator.stop();
      await served.close(0);
    });
    return {
      coordinator,
      port,
      partRequests,
      sizes,
      envelopes: () => envelopes,
      kill: async () => {
        killed = true;
        process.kill();
        await served.close(0);
      },
    };
  }

  /** Joins a worker whose steps run `execute`. */
  async join(
    execute: (context: ExecutionContext) => Promise<void>,
    options: {
      readonly slots?: number;
      readonly maxCacheBytes?: number;
      readonly formats?: readonly SnapshotFormat[];
    } = {},
  ): Promise<WireWorker> {
    this.#workers += 1;
    const { formats, slots = 8, maxCacheBytes = 64 * 1024 * 1024 } = options;
    const kinds: readonly StepKind[] = ['agent', 'shell'];
    const clock = this.#clock;
    const log = createMemoryLog(this.lines);
    const gateway = createGrpcGateway({ address: this.proxy.address, log, limits });
    const runner = createTaskRunner({
      executors: [
        {
          kinds,
          execute: async (context) => {
            context.sink.started();
            await execute(context);
            return { outcome: { status: 'succeeded' }, outputs: {} };
          },
        },
      ],
      snapshots: createSnapshotOpener({
        hasher: this.hasher,
        limits: defaultSnapshotLimits,
        maxCacheBytes,
        ...(formats === undefined ? {} : { formats }),
      }),
      workDirs: { create: async () => '/nowhere', remove: async () => undefined },
      hasher: this.hasher,
      patterns: {
        compile: () => {
          throw new Error('no patterns here');
        },
      },
      secretValues: { read: async () => undefined },
      clock,
      log,
    });
    const endpoint = createWorkerEndpoint(
      { gateway, runner, clock, random: createSystemRandom(), log, meter },
      {
        credentials: { token: joinToken },
        info: {
          workerId: `wrk_${this.#workers}`,
          incarnation: `lch_${this.#workers}`,
          labels: {},
          slots,
          kinds,
          isolation: 'none',
          snapshotFormats: formats?.map(({ version }) => version) ?? [1],
          version: '0.0.0',
          hostname: 'host',
          pid: this.#workers,
        },
      },
    );
    endpoint.start();
    this.#cleanUps.push(async () => {
      await endpoint.stop();
      gateway.close();
    });
    return { endpoint, runner };
  }

  async close(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).toReversed()) await cleanUp();
    await this.stores.close();
  }
}
