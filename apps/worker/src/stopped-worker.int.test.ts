import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StepPath, TaskOffer } from '@skein/domain';
import { type ServedGateway, serveGateway } from '@skein/grpc';
import type { WorkerMessage } from '@skein/ports';
import { createMemoryLog, createNodeHasher, ScriptedCoordinator, sampleStep, scriptedToken } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';

// A worker that is stopped past its lease, as by a debugger or a laptop's lid. The built program: `npm run build` comes first.

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 20_000, interval: 10 };
const leaseMs = 10_000;

let coordinator: ScriptedCoordinator;
let served: ServedGateway;
let folder: string;
let worker: ChildProcess;
/** What the worker has not confirmed: offered again on its next stream, for a connection breaks when the machine stands still. */
let pending: readonly TaskOffer[];

beforeEach(async () => {
  coordinator = new ScriptedCoordinator(createNodeHasher());
  pending = [];
  coordinator.onMessage = (stream, message) => {
    if (message.type === 'hello') {
      stream.send({
        type: 'welcome',
        protocol: 1,
        sessionId: `ses_${coordinator.streams.length}`,
        coordinatorId: 'test',
        serverTime: 0,
        heartbeatMs: 200,
        leaseMs,
        snapshotFormat: 1,
        keep: message.running.map(({ runId, step, attempt, token }) => ({ runId, step, attempt, token })),
      });
      for (const each of pending) stream.send({ type: 'offer', offer: each });
    }
    if (message.type === 'received') pending = pending.filter(({ token }) => token !== message.task.token);
    if (message.type === 'heartbeat') stream.send({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
    if (message.type === 'result') {
      stream.send({ type: 'result_acknowledged', task: message.result, outcome: 'recorded' });
    }
  };
  served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log: createMemoryLog(), meter });
  folder = await mkdtemp(join(tmpdir(), 'skein-stopped-'));
  worker = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'],
      SKEIN_COORDINATOR: served.address,
      SKEIN_JOIN_TOKEN: scriptedToken,
      SKEIN_WORK_DIR: join(folder, 'work'),
      SKEIN_SLOTS: '16',
      SKEIN_LOG_LEVEL: 'silent',
    },
    stdio: 'ignore',
  });
});

afterEach(async () => {
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGCONT');
  worker.kill('SIGTERM');
  worker.kill('SIGTERM');
  await exited;
  await served.close(0);
  await rm(folder, { recursive: true, force: true });
});

const said = <T extends WorkerMessage['type']>(type: T) =>
  coordinator.streams
    .flatMap(({ received }) => received)
    .filter((message): message is Extract<WorkerMessage, { type: T }> => message.type === type);

const offer = (name: string, token: number, commands: readonly string[]): void => {
  const step = name as StepPath;
  const value: TaskOffer = {
    tenant: 'default',
    runId: 'run_1',
    step,
    stepId: name,
    attempt: 1,
    token,
    dagName: 'test',
    definition: { ...sampleStep(name), env: [], action: { kind: 'shell', commands } },
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs,
    run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
  pending = [...pending, value];
  coordinator.streams.at(-1)?.send({ type: 'offer', offer: value });
};

/** Steps with a result; one that is said again, since its acknowledgement was lost, is the same. */
const finished = (): readonly string[] => [...new Set(said('result').map(({ result }) => result.step))];

const ledger = (index: number): string => join(folder, `ledger-${index}`);
const readLedger = (index: number): Promise<string> => readFile(ledger(index), 'utf8').catch(() => '');

test('a worker that wakes up past its lease fences itself: no late result, no further effect [crash 16]', async () => {
  const count = 8;
  const stopped = join(folder, 'stopped');
  const untilStopped = `while [ ! -e ${stopped} ]; do sleep 0.1; done`;
  await expect.poll(() => said('credits').length, patience).toBeGreaterThan(0);
  offer('warm', 100, ['true']);
  await expect.poll(finished, patience).toEqual(['warm']);
  for (let index = 0; index < count; index += 1) {
    // The first command ends while the worker is stopped; the second would be started by the worker when it wakes up.
    offer(`s${index}`, index + 1, [`echo one >> ${ledger(index)}; ${untilStopped}`, `echo two >> ${ledger(index)}`]);
  }
  const all = Array.from({ length: count }, (_, index) => index);
  await expect
    .poll(async () => (await Promise.all(all.map(readLedger))).every((text) => text === 'one\n'), patience)
    .toBe(true);
  worker.kill('SIGSTOP');
  await writeFile(stopped, '');
  const stoppedAt = performance.now();
  await expect.poll(() => performance.now() - stoppedAt, patience).toBeGreaterThan(leaseMs + 200);
  const streams = coordinator.streams.length;
  worker.kill('SIGCONT');
  await expect.poll(() => coordinator.streams.length, patience).toBeGreaterThan(streams);
  await expect.poll(() => said('hello').at(-1)?.running, patience).toEqual([]);
  await expect.poll(() => coordinator.streams.at(-1)?.received.length ?? 0, patience).toBeGreaterThan(1);
  offer('after', 200, ['true']);
  await expect.poll(finished, patience).toEqual(['warm', 'after']); // it works again, and nothing late came
  expect(await Promise.all(all.map(readLedger))).toEqual(all.map(() => 'one\n'));
});
