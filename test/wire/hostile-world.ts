import { defaultTenant, type WorkerInfo } from '@skein/domain';
import { createGrpcGateway, type ServedGateway, serveGateway } from '@skein/grpc';
import type { AuditEntry, CoordinatorGateway } from '@skein/ports';
import { createMemoryLog, createScene, dagOf, type Scene, ScriptedWorker, stepOf, taskOf } from '@skein/testkit';
import { expect } from 'vitest';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** A secret that the steps of these runs may be given. */
export const secretValue = 'only-for-the-holder';

const single = dagOf([stepOf('a', { secrets: [{ env: 'KEY', secret: 'db' }] })], { name: 'single' });

/** A coordinator behind gRPC, and whoever talks to it with what it holds: a token, and what it has learnt of others. */
export class HostileWorld {
  readonly scene: Scene;
  readonly #served: ServedGateway;
  readonly #gateways: { close(): void }[] = [];
  #workers = 0;

  constructor(scene: Scene, served: ServedGateway) {
    this.scene = scene;
    this.#served = served;
  }

  /** A client of its own connection. */
  client(): CoordinatorGateway {
    const gateway = createGrpcGateway({ address: this.#served.address });
    this.#gateways.push(gateway);
    return gateway;
  }

  /** A worker of its own making; its stream is open, and it has said nothing. */
  connect(changes: Partial<WorkerInfo> = {}, token = this.scene.joinToken): ScriptedWorker {
    this.#workers += 1;
    const info: WorkerInfo = {
      workerId: `wrk_${this.#workers}`,
      incarnation: `lch_${this.#workers}`,
      labels: {},
      slots: 1,
      kinds: ['shell', 'noop', 'agent'],
      isolation: 'none',
      snapshotFormats: [1],
      version: '0.0.0',
      hostname: 'host',
      pid: 1,
      ...changes,
    };
    return new ScriptedWorker({ coordinator: { gateway: this.client() } }, info, token);
  }

  /** One that was welcomed. */
  async join(changes: Partial<WorkerInfo> = {}, token = this.scene.joinToken): Promise<ScriptedWorker> {
    const worker = this.connect(changes, token);
    worker.hello();
    await this.until(() => worker.of('welcome').length === 1);
    return worker;
  }

  /** A worker that holds a step of a run and works on it. */
  async holder(): Promise<{
    readonly worker: ScriptedWorker;
    readonly task: ReturnType<typeof taskOf>;
    readonly sessionId: string;
  }> {
    const worker = await this.join();
    worker.credits(1);
    await this.scene.submit('single');
    await this.until(() => worker.offers.length === 1);
    const task = taskOf(worker.offers[0] as Parameters<typeof taskOf>[0]);
    worker.start(task);
    return { worker, task, sessionId: worker.of('welcome')[0]?.sessionId ?? '' };
  }

  /** Waits for what travels over the network, and lets everything that follows happen. */
  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    await expect
      .poll(
        async () => {
          await this.scene.settle();
          return isSo();
        },
        { timeout: 20_000, interval: 5 },
      )
      .toBe(true);
  }

  /** The holder is unharmed: its result is taken, and nobody else's was. */
  async finishes(worker: ScriptedWorker, task: ReturnType<typeof taskOf>): Promise<void> {
    worker.finish(task, { status: 'succeeded' }, {}, 'honest');
    await this.until(() => worker.of('result_acknowledged').length === 1);
    expect(worker.of('result_acknowledged')[0]?.outcome).toBe('recorded');
    expect(await this.scene.status(task.runId)).toBe('succeeded');
    expect(JSON.stringify(await this.scene.facts(task.runId))).toContain('honest');
    expect(JSON.stringify(await this.scene.facts(task.runId))).not.toContain('forged');
  }

  /** What was written down of refusals, oldest first. */
  async refusals(tenant = defaultTenant): Promise<readonly AuditEntry[]> {
    await this.scene.clock.advance(200);
    const { items } = await this.scene.coordinator.audit.list({ tenant, limit: 100 });
    return items.filter(({ actor }) => actor.kind === 'worker').toReversed();
  }

  async close(): Promise<void> {
    for (const gateway of this.#gateways) gateway.close();
    await this.#served.close(0);
    await this.scene.close();
  }
}

/** Opens such a world. */
export const openHostileWorld = async (): Promise<HostileWorld> => {
  const scene = await createScene({
    dags: [single],
    deps: { secretValues: { read: async () => secretValue } },
  });
  const served = await serveGateway({
    gateway: scene.coordinator.gateway,
    address: '127.0.0.1:0',
    log: createMemoryLog(),
    meter,
  });
  return new HostileWorld(scene, served);
};
