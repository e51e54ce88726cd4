import type { CheckpointEntry, TaskRef, TaskResult } from '@skein/domain';
import { createGrpcGateway, type ServedGateway, serveGateway } from '@skein/grpc';
import type { TaskRunner, TaskTransfers, WorkerMessage } from '@skein/ports';
import { createSystemClock, createSystemRandom } from '@skein/telemetry';
import {
  createMemoryLog,
  createNodeHasher,
  patientLimits as limits,
  ScriptedCoordinator,
  sampleOffer,
  scriptedToken,
} from '@skein/testkit';
import { createManyCoordinators, createWorkerEndpoint } from '@skein/worker';
import { afterEach, expect, test } from 'vitest';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 20_000, interval: 10 };
const log = createMemoryLog();
const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** A coordinator on a port of its own, that keeps what workers hold and remembers what they said. */
const serve = async (name: string, coordinators: readonly string[] = []) => {
  const coordinator = new ScriptedCoordinator(createNodeHasher());
  const heard: WorkerMessage[] = [];
  coordinator.onMessage = (stream, message) => {
    heard.push(message);
    if (message.type === 'hello') {
      stream.send({
        type: 'welcome',
        protocol: 1,
        sessionId: `ses_${name}`,
        coordinatorId: name,
        serverTime: 0,
        heartbeatMs: 200,
        leaseMs: 6_000,
        snapshotFormat: 1,
        coordinators,
        keep: message.running.map(({ runId, step, attempt, token }) => ({ runId, step, attempt, token })),
      });
    } else if (message.type === 'heartbeat') {
      stream.send({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
    } else if (message.type === 'result') {
      stream.send({ type: 'result_acknowledged', task: message.result, outcome: 'recorded' });
    }
  };
  const address = '127.0.0.1:0';
  const served: ServedGateway = await serveGateway({ gateway: coordinator, address, log, meter, limits });
  let isDead = false;
  const die = async (): Promise<void> => {
    if (isDead) return;
    isDead = true;
    await served.close(0);
  };
  cleanUps.push(die);
  const of = <T extends WorkerMessage['type']>(type: T) =>
    heard.filter((message): message is Extract<WorkerMessage, { type: T }> => message.type === type);
  return { coordinator, address: served.address, die, of };
};

/** A worker whose one task runs until the test ends it. */
const join = (addresses: readonly string[]) => {
  const tasks: { readonly transfers: TaskTransfers; readonly signal: AbortSignal; finish: () => void }[] = [];
  const runner: TaskRunner = {
    run: ({ runId, step, attempt, token }, sink, transfers, signal) =>
      new Promise<TaskResult>((resolve) => {
        sink.started();
        const finish = (): void =>
          resolve({ runId, step, attempt, token, outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 });
        tasks.push({ transfers, signal, finish });
        signal.addEventListener('abort', finish);
      }),
    held: () => [],
    onEvicted: () => undefined,
    close: async () => undefined,
  };
  const gateway = createManyCoordinators(addresses, (address) => createGrpcGateway({ address, log, limits }));
  const endpoint = createWorkerEndpoint(
    { gateway, runner, clock: createSystemClock(), random: createSystemRandom(), log, meter },
    {
      credentials: { token: scriptedToken },
      info: {
        workerId: 'wrk_1',
        incarnation: 'lch_1',
        labels: {},
        slots: 2,
        kinds: ['shell'],
        isolation: 'none',
        snapshotFormats: [1],
        version: '0.0.0',
        hostname: 'host',
        pid: 1,
      },
    },
  );
  cleanUps.push(async () => {
    await endpoint.stop();
    gateway.close();
  });
  endpoint.start();
  return { endpoint, tasks };
};

const entry: CheckpointEntry = { type: 'reply', number: 1, text: 'done' };
const offer = sampleOffer();
const task: TaskRef = { runId: offer.runId, step: offer.step, attempt: offer.attempt, token: offer.token };

test.each(['was started with both', 'was told of the second by the first'])(
  'a worker that %s takes its running task to the second when the first dies, and keeps it [crash 21]',
  async (how) => {
    const second = await serve('second');
    const isTold = how.startsWith('was told');
    const first = await serve('first', isTold ? [second.address] : []);
    const { tasks } = join(isTold ? [first.address] : [first.address, second.address]);
    await expect.poll(() => first.of('credits').length, patience).toBeGreaterThan(0);
    first.coordinator.streams[0]?.send({ type: 'offer', offer });
    await expect.poll(() => first.of('started').length, patience).toBe(1);
    let recorded = false;
    void tasks[0]?.transfers.checkpoint(0, [entry]).then(() => {
      recorded = true;
    });
    await expect.poll(() => first.of('checkpoint').length, patience).toBe(1);
    await first.die();
    await expect.poll(() => second.of('checkpoint').length, patience).toBe(1);
    expect(second.of('hello')).toMatchObject([{ running: [{ ...task, started: true }] }]);
    expect(second.of('checkpoint')).toEqual([{ type: 'checkpoint', task, index: 0, entries: [entry] }]);
    second.coordinator.streams.at(-1)?.send({ type: 'checkpoint_recorded', task, count: 1 });
    await expect.poll(() => recorded, patience).toBe(true);
    const digest = await tasks[0]?.transfers.storeBlob(new Uint8Array([1, 2, 3]));
    expect(second.coordinator.blobs.has(digest ?? '')).toBe(true);
    tasks[0]?.finish();
    await expect.poll(() => second.of('result').length, patience).toBe(1);
    expect([tasks.length, tasks[0]?.signal.aborted]).toEqual([1, false]);
  },
);
