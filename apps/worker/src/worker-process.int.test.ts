import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DomainError, type StepAction, type TaskOffer, type TaskResult } from '@skein/domain';
import { type ServedGateway, serveGateway } from '@skein/grpc';
import type { CoordinatorGateway, CoordinatorMessage, Meter, StreamListener, WorkerMessage } from '@skein/ports';
import { createMemoryLog } from '@skein/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

// The built program starts in less than half the time of its sources, so `npm run build` comes first.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** The coordinator's end: lets workers in with the right token, keeps what they say, acknowledges results. */
class Coordinator implements CoordinatorGateway {
  readonly said: WorkerMessage[] = [];
  listener: StreamListener<CoordinatorMessage> | undefined;

  openWorkerStream({ token }: { readonly token: string }, listener: StreamListener<CoordinatorMessage>) {
    // The served gateway's listener sends to the worker; what is sent here comes from the worker.
    this.listener = listener;
    const send = (message: WorkerMessage): void => {
      this.said.push(message);
      if (message.type === 'hello') this.#onHello(listener, token);
      if (message.type === 'heartbeat') listener.onMessage({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
      if (message.type === 'result') {
        const { runId, step, attempt, token: fencing } = message.result;
        const task = { runId, step, attempt, token: fencing };
        listener.onMessage({ type: 'result_acknowledged', task, outcome: 'recorded' });
      }
    };
    return { send, close: () => listener.onClosed() };
  }

  reportExit = (): Promise<void> => Promise.resolve();
  fetchSnapshot = (): Promise<Uint8Array> => Promise.reject(new DomainError('not_found', 'none'));
  fetchPart = (): Promise<number> => Promise.reject(new DomainError('not_found', 'none'));
  readSecret = (): Promise<string> => Promise.reject(new DomainError('not_found', 'none'));
  fetchBlob = (): Promise<Uint8Array> => Promise.reject(new DomainError('not_found', 'none'));
  storeBlob = (): Promise<string> => Promise.reject(new DomainError('not_found', 'none'));

  results(): readonly TaskResult[] {
    return this.said.flatMap((message) => (message.type === 'result' ? [message.result] : []));
  }

  #onHello(listener: StreamListener<CoordinatorMessage>, token: string): void {
    if (token !== 'join-me') {
      listener.onMessage({
        type: 'refused',
        error: { code: 'unauthenticated', message: 'the join token is not valid' },
      });
      return;
    }
    listener.onMessage({
      type: 'welcome',
      protocol: 1,
      sessionId: 'ses_1',
      coordinatorId: 'test',
      serverTime: Date.now(),
      heartbeatMs: 1_500,
      leaseMs: 60_000,
      snapshotFormat: 1,
      keep: [],
    });
  }
}

vi.setConfig({ testTimeout: 180_000 }); // built programs start, on a machine with much to do

const meter: Meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

let coordinator: Coordinator;
let served: ServedGateway;
let workDir: string;
let worker: ChildProcess;
let exited: Promise<number | null>;
let stderr = '';

beforeEach(async () => {
  coordinator = new Coordinator();
  served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log: createMemoryLog(), meter });
  workDir = await mkdtemp(join(tmpdir(), 'skein-worker-'));
});

afterEach(async () => {
  worker.kill('SIGKILL');
  await exited;
  await served.close(100);
  await rm(workDir, { recursive: true, force: true });
});

const spawnWorker = (token: string): ChildProcess =>
  spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'],
      SKEIN_COORDINATOR: served.address,
      SKEIN_JOIN_TOKEN: token,
      SKEIN_WORK_DIR: workDir,
      SKEIN_LAUNCH: 'worker-process-test',
      SECRET_API_KEY: 'do-not-show',
    },
    stdio: ['ignore', 'inherit', 'pipe'],
  });

const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once('exit', (code) => resolve(code)));

const startWorker = (token = 'join-me'): void => {
  stderr = '';
  worker = spawnWorker(token);
  worker.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  exited = exitOf(worker);
};

const offer = (step: string, token: number, action: StepAction): void => {
  const value: TaskOffer = {
    tenant: 'default',
    runId: 'run_1',
    step,
    stepId: step,
    attempt: 1,
    token,
    dagName: 'test',
    definition: {
      id: step,
      depends: [],
      action,
      env: [],
      outputs: [],
      preconditions: [],
      continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
      workerSelector: {},
      onWorkerLoss: 'retry',
      repeatSafe: false,
    },
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs: 60_000,
    run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
  coordinator.listener?.onMessage({ type: 'offer', offer: value });
};

const until = (holds: () => boolean): Promise<void> =>
  vi.waitUntil(holds, { timeout: 60_000, interval: 20 }).then(() => undefined);
const heard = (type: WorkerMessage['type']): boolean => coordinator.said.some((message) => message.type === type);

test('joins over gRPC, runs a step without its secrets, drains on SIGTERM and leaves nothing', async () => {
  startWorker();
  await until(() => heard('credits'));
  offer('env', 1, { kind: 'shell', commands: ['env'] });
  await until(() => coordinator.results().length === 1);
  const [result] = coordinator.results();
  expect(result?.outcome).toEqual({ status: 'succeeded' });
  expect(JSON.stringify(result)).not.toMatch(/do-not-show|join-me/);
  offer('slow', 2, { kind: 'shell', commands: ['sleep 1; echo done'] });
  await until(() => heard('started') && coordinator.said.filter(({ type }) => type === 'started').length === 2);
  worker.kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(coordinator.results()[1]).toMatchObject({ step: 'slow', stdout: { inline: 'done' } });
  expect(coordinator.said.at(-1)?.type).toBe('goodbye');
  expect(await readdir(workDir)).toEqual([]);
});

test('the end of a worker leaves the steps of another alone, also one that was started with the same marker', async () => {
  startWorker();
  await until(() => heard('credits'));
  const go = join(workDir, 'go');
  offer('patient', 1, { kind: 'shell', commands: [`until [ -e ${go} ]; do sleep 0.05; done`] });
  await until(() => heard('started'));
  for (let others = 1; others <= 3; others += 1) {
    const other = spawnWorker('join-me');
    const otherExited = exitOf(other);
    await until(() => coordinator.said.filter(({ type }) => type === 'hello').length === 1 + others);
    other.kill('SIGTERM');
    expect(await otherExited).toBe(0);
  }
  expect(coordinator.results()).toEqual([]);
  await writeFile(go, '');
  await until(() => coordinator.results().length === 1);
  expect(coordinator.results()[0]?.outcome).toEqual({ status: 'succeeded' });
});

test('refuses an agent step without a snapshot', async () => {
  startWorker();
  await until(() => heard('credits'));
  offer('agent', 1, { kind: 'agent', agent: 'a', prompt: 'p', limits: {}, memory: { read: false, propose: false } });
  await until(() => coordinator.results().length === 1);
  expect(coordinator.results()[0]?.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'snapshot_invalid', details: { reason: 'missing_snapshot' } },
  });
});

test('a second signal ends the running step and the process', async () => {
  startWorker();
  await until(() => heard('credits'));
  offer('long', 1, { kind: 'shell', commands: ['sleep 300'] });
  await until(() => heard('started'));
  worker.kill('SIGTERM');
  await until(() => heard('draining'));
  worker.kill('SIGTERM');
  expect(await exited).toBe(1);
});

test('exits with a clear message when its token is refused', async () => {
  startWorker('wrong');
  expect(await exited).toBe(2);
  expect(stderr).toContain('the coordinator refused this worker: the join token is not valid (unauthenticated)');
});
