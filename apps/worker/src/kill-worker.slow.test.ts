import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StepPath, TaskOffer } from '@skein/domain';
import { type ServedGateway, serveGateway } from '@skein/grpc';
import { launchProcess } from '@skein/launcher';
import type { LaunchedProcess } from '@skein/ports';
import {
  createMemoryLog,
  createNodeHasher,
  createSeededRandom,
  ScriptedCoordinator,
  type ScriptedStream,
  sampleStep,
  scriptedToken,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';

// kill -9 at any instant, of a worker or of who launched it: no process of any step is left.
// The worker is the built program, which starts in less than half the time of its sources, so `npm run build` comes first.

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 20_000, interval: 10 };

/** Stands in the command line of every process that a step leaves. */
const mark = `86400.${process.pid}1`;
const commands = [
  `sleep ${mark}`,
  `env -i sleep ${mark}`,
  `env -i sh -c "sleep ${mark} & sleep ${mark}"`,
  `setsid sleep ${mark} & sleep ${mark}`,
  `env -i setsid sleep ${mark} & exec env -i sleep ${mark}`,
  'true',
];

let coordinator: ScriptedCoordinator;
let served: ServedGateway;
let workDir: string;
let workers: LaunchedProcess[];

beforeEach(async () => {
  coordinator = new ScriptedCoordinator(createNodeHasher());
  coordinator.onMessage = (stream, message) => {
    if (message.type === 'hello') {
      stream.send({
        type: 'welcome',
        protocol: 1,
        sessionId: 'ses_1',
        coordinatorId: 'test',
        serverTime: 0,
        heartbeatMs: 1_500,
        leaseMs: 60_000,
        snapshotFormat: 1,
        keep: [],
      });
    }
    if (message.type === 'heartbeat') stream.send({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
  };
  served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log: createMemoryLog(), meter });
  workDir = await mkdtemp(join(tmpdir(), 'skein-kill-'));
  workers = [];
});

afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map(({ exited }) => exited));
  for (const pid of await left()) process.kill(pid, 'SIGKILL');
  await served.close(0);
  await rm(workDir, { recursive: true, force: true });
});

const left = async (): Promise<readonly number[]> => {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  const lines = await Promise.all(
    pids.map(async (pid) => ({ pid, line: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') })),
  );
  return lines.filter(({ line }) => line.includes(mark)).map(({ pid }) => pid);
};

const environment = (more: { readonly [name: string]: string } = {}) => ({
  PATH: process.env['PATH'],
  SKEIN_COORDINATOR: served.address,
  SKEIN_JOIN_TOKEN: scriptedToken,
  SKEIN_WORK_DIR: workDir,
  SKEIN_SLOTS: '16',
  SKEIN_LOG_LEVEL: 'silent',
  ...more,
});

/** The stream of the worker with this process; the last one when it joined again. */
const streamOf = (pid: number): ScriptedStream | undefined =>
  coordinator.streams.findLast(({ received: [first] }) => first?.type === 'hello' && first.worker.pid === pid);

const offer = (stream: ScriptedStream | undefined, index: number, command: string): void => {
  const step = `s${index}` as StepPath;
  const value: TaskOffer = {
    tenant: 'default',
    runId: 'run_1',
    step,
    stepId: step,
    attempt: 1,
    token: index + 1,
    dagName: 'test',
    definition: { ...sampleStep(step), env: [], action: { kind: 'shell', commands: [command] } },
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs: 60_000,
    run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
  stream?.send({ type: 'offer', offer: value });
};

const heard = (stream: ScriptedStream | undefined, type: string): number =>
  stream?.received.filter((message) => message.type === type).length ?? 0;

test('a worker that is killed at a random instant, while steps start, leaves no process', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const random = createSeededRandom(4);
  const launch = (round: number): LaunchedProcess => {
    const launched = launchProcess({
      command: process.execPath,
      args: [main],
      env: environment(),
      stdio: 'ignore',
      log: createMemoryLog(),
      marker: `lch_${mark}_${round}`,
      censusMs: 0,
    });
    workers.push(launched);
    return launched;
  };
  const rounds = 20;
  let found = 0;
  let next = launch(0);
  for (let round = 0; round < rounds; round += 1) {
    const launched = next;
    const { pid } = launched;
    await expect.poll(() => heard(streamOf(pid), 'credits'), patience).toBeGreaterThan(0);
    offer(streamOf(pid), 10_000, 'true');
    await expect.poll(() => heard(streamOf(pid), 'result'), patience).toBe(1); // the executors are up
    // The next one loads its code while this one works and is killed.
    if (round + 1 < rounds) next = launch(round + 1);
    const killAt = performance.now() + random.next() * 400;
    for (let index = 0; performance.now() < killAt; index += 1) {
      offer(streamOf(pid), index, commands[Math.floor(random.next() * commands.length)] ?? 'true');
      await pause(5);
    }
    process.kill(pid, 'SIGKILL');
    found += (await left()).length;
    await launched.exited;
    await pause(50); // what was just being started would show by now
    expect(await left(), `round ${round}`).toEqual([]);
  }
  expect(found).toBeGreaterThan(0);
});

test('a worker whose launcher is killed ends by itself, and its steps with it', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const program = `require('child_process').spawn(process.execPath, ${JSON.stringify([main])}, { stdio: 'ignore', detached: true }); setInterval(() => 0, 1000)`;
  const launcher = spawn(process.execPath, ['-e', program], {
    env: environment({ SKEIN_LAUNCH: `lch_${mark}_up` }),
    stdio: 'ignore',
  });
  await expect.poll(() => heard(coordinator.streams.at(-1), 'credits'), patience).toBeGreaterThan(0);
  for (const [index, command] of commands.entries()) offer(coordinator.streams.at(-1), index, command);
  await expect.poll(() => heard(coordinator.streams.at(-1), 'started'), patience).toBe(commands.length);
  await expect.poll(async () => (await left()).length, patience).toBeGreaterThanOrEqual(6);
  launcher.kill('SIGKILL');
  await expect.poll(left, patience).toEqual([]);
  await expect.poll(() => coordinator.streams.at(-1)?.closed !== undefined, patience).toBe(true);
  await expect.poll(() => readdir(workDir), patience).toEqual([]);
});
