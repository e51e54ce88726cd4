import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findMarked, launchVariable } from '@skein/launcher';
import { createClient, type SkeinClient } from '@skein/sdk';
import { untilNone } from './until-none.ts';

/** The project's root folder. */
export const rootFolder = fileURLToPath(new URL('../..', import.meta.url));

/** The committed executable. */
export const skeinBin = join(rootFolder, 'apps/cli/bin/skein.mjs');

/** One line of the process table. */
export interface ProcessLine {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** The process table; zombies are not in it. */
export const processTable = (): ProcessLine[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,command='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null && !match[3]?.startsWith('Z'))
    .map((match) => ({ pid: Number(match?.[1]), parent: Number(match?.[2]), command: match?.[4] ?? '' }));

/** True while the process exists and is no zombie. */
export const isAlive = (pid: number): boolean => processTable().some((line) => line.pid === pid);

/** All processes below a process. */
export const descendantsOf = (pid: number): ProcessLine[] => {
  const table = processTable();
  const found: ProcessLine[] = [];
  const parents = [pid];
  while (parents.length > 0) {
    const parent = parents.pop();
    for (const line of table.filter((each) => each.parent === parent)) {
      found.push(line);
      parents.push(line.pid);
    }
  }
  return found;
};

/** A mark for `SKEIN_LAUNCH`, which every process that is started below inherits. */
export const newMarker = (): string => `e2e-${randomUUID()}`;

/** Sends a signal; false when the process is gone. */
export const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
};

/** Loading the code of three processes takes a second or two, and far longer where the machine has much else to do. */
const startMs = 90_000;

/** Waits for a condition and gives what it returned; fails with `what` after the deadline. */
export const eventually = async <T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 60_000,
): Promise<T> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await sleep(10);
  }
};

/** A temporary folder with these files; paths ending in `.sh` become executable. */
export const folderWith = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-e2e-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: path.endsWith('.sh') ? 0o755 : 0o644 });
  }
  return folder;
};

/** The machine-readable run, as far as the tests read it. */
export interface RunJson {
  readonly runId: string;
  readonly status: string;
  readonly partial: boolean;
  readonly snapshotDigest?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly steps: readonly {
    readonly id: string;
    readonly status: string;
    readonly attempt: number;
    readonly workerId?: string;
    readonly exitCode?: number;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly skipReason?: string;
    readonly outputs: Readonly<Record<string, unknown>>;
    readonly error?: { readonly code: string; readonly message: string };
    readonly items?: Readonly<Record<string, number>>;
  }[];
}

/** One line of `GET /api/workers`. */
export interface WorkerJson {
  readonly workerId: string;
  readonly state: string;
  readonly pid: number;
  readonly running: number;
  readonly tasks: number;
}

/** One fact of a run's log, as far as the tests read it. */
export interface FactJson {
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly data: {
    readonly step?: string;
    readonly attempt?: number;
    readonly reason?: string;
    readonly started?: boolean;
    readonly result?: { readonly outcome: { readonly status: string } };
    readonly error?: { readonly code: string; readonly message: string };
  };
}

/** A whole Skein on this machine: `skein up` in its own process, on free ports, in a temporary folder. */
export class Stack {
  readonly #child: ChildProcess;
  readonly #data: string;
  readonly #marker: string;
  #output = '';
  #http = '';
  #token = '';
  #grpc = '';

  private constructor(child: ChildProcess, data: string, marker: string) {
    this.#child = child;
    this.#data = data;
    this.#marker = marker;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** Starts it and waits until every worker has joined. */
  static async start(
    project: string,
    options: {
      readonly workers?: number;
      readonly env?: Readonly<Record<string, string>>;
      readonly data?: string;
    } = {},
  ): Promise<Stack> {
    const data = options.data ?? mkdtempSync(join(tmpdir(), 'skein-e2e-data-'));
    const workers = options.workers ?? 2;
    const marker = newMarker();
    // One that was left behind by a kill says nothing about this start.
    rmSync(join(data, 'endpoint.json'), { force: true });
    const child = spawn(
      process.execPath,
      [
        skeinBin,
        'up',
        '--project',
        project,
        '--data',
        data,
        '--http',
        '127.0.0.1:0',
        '--grpc',
        '127.0.0.1:0',
        '--workers',
        String(workers),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, [launchVariable]: marker, ...options.env } },
    );
    const stack = new Stack(child, data, marker);
    try {
      const started = (): boolean => {
        if (child.exitCode !== null) throw new Error(`skein up ended with ${child.exitCode}`);
        return existsSync(stack.endpointFile);
      };
      await eventually('endpoint.json', started, startMs);
      const endpoint = JSON.parse(readFileSync(stack.endpointFile, 'utf8')) as {
        http: string;
        grpc: string;
        adminTokenFile: string;
      };
      stack.#http = endpoint.http;
      stack.#grpc = endpoint.grpc;
      stack.#token = readFileSync(endpoint.adminTokenFile, 'utf8').trim();
      await eventually(
        'all workers joined',
        async () => (await stack.workers()).filter((worker) => worker.state === 'connected').length === workers,
        startMs,
      );
      return stack;
    } catch (error) {
      await stack.stop();
      throw new Error(`${(error as Error).message}\n${stack.#output}`, { cause: error });
    }
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get data(): string {
    return this.#data;
  }

  get http(): string {
    return this.#http;
  }

  /** `HOST:PORT` where workers join. */
  get grpc(): string {
    return this.#grpc;
  }

  /** What `SKEIN_LAUNCH` of all its processes begins with. */
  get marker(): string {
    return this.#marker;
  }

  get token(): string {
    return this.#token;
  }

  get output(): string {
    return this.#output;
  }

  get endpointFile(): string {
    return join(this.#data, 'endpoint.json');
  }

  /** An API call; JSON in, JSON out. */
  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    patience?: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: T }> {
    const response = await fetch(`${this.#http}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(patience === undefined ? {} : { signal: patience }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** The client that programs use, for what has no method here. */
  get client(): SkeinClient {
    return createClient({ url: this.#http, token: this.#token });
  }

  async workers(): Promise<readonly WorkerJson[]> {
    return (await this.call<{ items: readonly WorkerJson[] }>('GET', '/api/workers')).body.items;
  }

  /** All facts of a run; resolves when it has ended. */
  async facts(runId: string): Promise<readonly FactJson[]> {
    const facts: FactJson[] = [];
    for await (const fact of this.client.runs.watch(runId)) facts.push(fact as unknown as FactJson);
    return facts;
  }

  async submit(dag: string, params: Readonly<Record<string, unknown>> = {}): Promise<RunJson> {
    const answer = await this.call<RunJson>('POST', '/api/runs', { dag, params });
    if (answer.status !== 201) throw new Error(`submit: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async run(runId: string): Promise<RunJson> {
    return (await this.call<RunJson>('GET', `/api/runs/${runId}`)).body;
  }

  /**
   * Waits until the coordinator has heard that the code of a step runs: only from then on is a loss charged to its attempt (R2), so that the
   * next one has another number. What the code itself wrote may be seen earlier.
   */
  began(runId: string, step: string): Promise<RunJson['steps'][number]> {
    return eventually(`${step} of ${runId} runs`, async () => {
      const found = (await this.run(runId)).steps.find(({ id }) => id === step);
      return found?.status === 'running' && found.startedAt !== undefined ? found : undefined;
    });
  }

  /** Waits for the end of a run. */
  finished(runId: string, deadlineMs = 180_000): Promise<RunJson> {
    return eventually(
      `run ${runId} ends`,
      async () => {
        const run = await this.run(runId).catch(() => undefined);
        return run !== undefined && ['succeeded', 'failed', 'cancelled'].includes(run.status) ? run : undefined;
      },
      deadlineMs,
    );
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** All processes below `skein up`; none once it has ended, when its id may be another's. */
  below(): readonly ProcessLine[] {
    return this.#isRunning ? descendantsOf(this.pid) : [];
  }

  /** The process of an app below `skein up`. */
  processOf(app: 'coordinator' | 'scheduler'): ProcessLine | undefined {
    return this.below().find((line) => line.command.includes(`apps/${app}/dist/main.js`));
  }

  /** `kill -9` of the coordinator; resolves when another one took its place and all workers are back. */
  async killCoordinator(): Promise<void> {
    const before = this.processOf('coordinator');
    const workers = (await this.workers()).filter((worker) => worker.state === 'connected').length;
    signal(before?.pid ?? -1, 'SIGKILL');
    await eventually('a new coordinator', () => {
      const now = this.processOf('coordinator');
      return now !== undefined && now.pid !== before?.pid;
    });
    const areBack = async (): Promise<boolean> => {
      const now = await this.workers().catch(() => []);
      return now.filter((worker) => worker.state === 'connected').length === workers;
    };
    await eventually('workers are back', areBack, startMs);
  }

  /** Ends it orderly; true if nothing that it started is left. */
  async stop(): Promise<{ readonly exitCode: number | null; readonly left: readonly ProcessLine[] }> {
    const below = this.below();
    if (this.#isRunning) {
      const exited = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGTERM');
      const force = setTimeout(() => this.#child.kill('SIGKILL'), 90_000);
      await exited;
      clearTimeout(force);
    }
    const left = await untilNone(() => {
      const table = processTable();
      return below.filter(({ pid, command }) => table.some((line) => line.pid === pid && line.command === command));
    });
    for (const line of left) signal(line.pid, 'SIGKILL');
    return { exitCode: this.#child.exitCode, left };
  }

  /** `kill -9` of everything at once, as when the machine goes down; resolves when nothing of it is left. */
  async kill(): Promise<void> {
    await eventually('the whole tree is dead', async () => {
      const left = [...this.below().map((line) => line.pid), ...(await findMarked(this.#marker))];
      if (this.#isRunning) left.unshift(this.pid);
      for (const pid of left) signal(pid, 'SIGKILL');
      return left.length === 0;
    });
  }

  /** Processes that were started for it, directly or not, and are still there. */
  async leftovers(): Promise<readonly number[]> {
    return untilNone(() => findMarked(this.#marker));
  }

  /** Removes its data; only after `stop`. */
  remove(): void {
    rmSync(this.#data, { recursive: true, force: true });
  }
}

/** Runs `skein` with these arguments against a stack and gives what it printed. */
export const skein = async (
  stack: Stack | undefined,
  ...args: readonly string[]
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> => {
  const env = stack === undefined ? process.env : { ...process.env, SKEIN_URL: stack.http, SKEIN_TOKEN: stack.token };
  const child = spawn(process.execPath, [skeinBin, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exitCode = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  return { exitCode, stdout, stderr };
};
