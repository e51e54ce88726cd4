import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StepAction, TaskOffer, TaskResult } from '@skein/domain';
import { type ServedGateway, serveGateway } from '@skein/grpc';
import { launchProcess } from '@skein/launcher';
import { createMemoryLog, createNodeHasher, ScriptedCoordinator, sampleStep, scriptedToken } from '@skein/testkit';
import { vi } from 'vitest';
import { type AgentSketch, sealAgent } from './sealed-agent.ts';

/** The built program, which starts in less than half the time of its sources: `npm run build` comes first. */
const main = fileURLToPath(new URL('../../apps/worker/dist/main.js', import.meta.url));

const until = (holds: () => boolean): Promise<void> =>
  vi.waitFor(
    () => {
      if (!holds()) throw new Error('the worker says nothing');
    },
    { timeout: 60_000, interval: 20 },
  );

/** A worker in a process of its own, and a coordinator that offers it what a test wants. */
export class RealWorker {
  readonly #coordinator = new ScriptedCoordinator(createNodeHasher());
  #served: ServedGateway | undefined;
  #launched: ReturnType<typeof launchProcess> | undefined;
  #isRunning = false;
  #workDir = '';
  #offers = 0;
  #logs = '';

  async start(): Promise<void> {
    this.#coordinator.onMessage = (stream, message) => {
      if (message.type === 'hello') {
        const times = { serverTime: 0, heartbeatMs: 1_500, leaseMs: 60_000 };
        stream.send({
          type: 'welcome',
          protocol: 1,
          snapshotFormat: 1,
          sessionId: 'ses_1',
          coordinatorId: 'test',
          ...times,
          keep: [],
        });
      }
      if (message.type === 'result') {
        const { runId, step, attempt, token } = message.result;
        stream.send({ type: 'result_acknowledged', task: { runId, step, attempt, token }, outcome: 'recorded' });
      }
      if (message.type === 'checkpoint') {
        const count = message.index + message.entries.length;
        stream.send({ type: 'checkpoint_recorded', task: message.task, count });
      }
      if (message.type === 'heartbeat') stream.send({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
      if (message.type === 'log') this.#logs += new TextDecoder().decode(message.bytes);
    };
    const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
    const log = createMemoryLog();
    this.#served = await serveGateway({ gateway: this.#coordinator, address: '127.0.0.1:0', log, meter });
    this.#workDir = await mkdtemp(join(tmpdir(), 'skein-agent-worker-'));
    this.#launched = launchProcess({
      command: process.execPath,
      args: [main],
      env: {
        PATH: process.env['PATH'],
        SKEIN_COORDINATOR: this.#served.address,
        SKEIN_JOIN_TOKEN: scriptedToken,
        SKEIN_WORK_DIR: this.#workDir,
        SKEIN_LOG_LEVEL: 'error',
      },
      log,
      marker: `lch_agent_${process.pid}`,
      censusMs: 0,
    });
    this.#isRunning = true;
    void this.#launched.exited.then(() => {
      this.#isRunning = false;
    });
    await until(() => this.#heard('credits').length > 0);
  }

  /** All that steps wrote to their logs. */
  get logs(): string {
    return this.#logs;
  }

  get pid(): number {
    return this.#launched?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  setSecret(name: string, value: string): void {
    this.#coordinator.secrets.set(name, value);
  }

  /** One agent step of the DAG `demo`; resolves with its result. */
  async runAgent(
    sketch: AgentSketch,
    action: Partial<Extract<StepAction, { kind: 'agent' }>> = {},
  ): Promise<TaskResult> {
    const { versionId, snapshot } = sealAgent(sketch);
    const { agentId } = sketch;
    const memory = { read: true, propose: true };
    const whole: StepAction = { kind: 'agent', agent: agentId, prompt: 'Begin.', limits: {}, memory, ...action };
    const step = this.#offer(whole, { agents: { [agentId]: versionId }, snapshot });
    return this.#resultOf(step);
  }

  /** Like `runAgent`, without waiting. */
  startAgent(sketch: AgentSketch): void {
    const { versionId, snapshot } = sealAgent(sketch);
    const memory = { read: false, propose: false };
    const action: StepAction = { kind: 'agent', agent: sketch.agentId, prompt: 'Begin.', limits: {}, memory };
    this.#offer(action, { agents: { [sketch.agentId]: versionId }, snapshot });
  }

  runCommand(command: string): Promise<TaskResult> {
    return this.#resultOf(this.#offer({ kind: 'shell', commands: [command] }, {}));
  }

  /** What the private directories of tasks hold. */
  async leftFiles(): Promise<readonly string[]> {
    const all = await readdir(this.#workDir, { recursive: true });
    return all.filter((path) => path.split('/').length > 2);
  }

  /** `kill -9`; resolves when the launcher says that nothing is left. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.#launched?.exited;
  }

  async stop(): Promise<void> {
    this.#launched?.kill('SIGTERM');
    await this.#launched?.exited;
    await this.#served?.close(0);
    await rm(this.#workDir, { recursive: true, force: true });
  }

  #offer(action: StepAction, changes: Partial<TaskOffer>): string {
    this.#offers += 1;
    const token = this.#offers;
    const step = `s${token}`;
    const offer: TaskOffer = {
      tenant: 'default',
      runId: 'run_1',
      step,
      stepId: step,
      attempt: 1,
      token,
      dagName: 'demo',
      definition: { ...sampleStep(step), env: [], action },
      refs: {},
      upstreamEnv: {},
      agents: {},
      leaseMs: 60_000,
      run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
      ...changes,
    };
    this.#coordinator.streams.at(-1)?.send({ type: 'offer', offer });
    return step;
  }

  async #resultOf(step: string): Promise<TaskResult> {
    const find = () => this.#heard('result').find(({ result }) => result.step === step)?.result;
    await until(() => find() !== undefined);
    return find() as TaskResult;
  }

  #heard<T extends 'credits' | 'result'>(type: T) {
    const received = this.#coordinator.streams.flatMap((stream) => stream.received);
    return received.filter((message): message is Extract<typeof message, { type: T }> => message.type === type);
  }
}
