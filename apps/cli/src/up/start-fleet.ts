import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import { createGrpcGateway } from '@skein/grpc';
import {
  incarnationVariable,
  launchProcess,
  type Supervisor,
  scrubEnvironment,
  superviseProcess,
  superviseWorker,
} from '@skein/launcher';
import type { Log } from '@skein/ports';
import { type ApplyOutcome, createClient, readProjectFolder, type SkeinClient } from '@skein/sdk';
import { createIdSource, createSystemClock, createSystemRandom } from '@skein/telemetry';
import { type Endpoint, readEndpoint } from '../cli/find-endpoint.ts';
import type { CliConfig } from '../config.ts';
import { childEnv, credentialVariables, type Environment } from './child-env.ts';
import { exitWithParent, missingPrograms, type ProgramName, programPath } from './program-paths.ts';
import { writeEndpoint } from './write-endpoint.ts';

/*
 * Everything of Skein on one machine, as processes of their own.
 *  U1 `endpoint.json` is written last: whoever finds it finds a coordinator, a scheduler and workers that are ready
 *  U2 a process that dies is started again on the addresses that were chosen at first
 *  U3 a failed start, like a stop, leaves no process
 *  U4 when this process is killed outright, its children notice and end
 */

/** What to start. */
export interface FleetOptions {
  readonly dataDir: string;
  readonly http: string;
  readonly grpc: string;
  readonly workers: number;
  readonly project?: string;
  readonly insecure: boolean;
  readonly config: Pick<CliConfig, 'env' | 'autoModel'>;
  readonly log: Log;
  /** Where the children's output goes: this process's own streams, or a file. */
  readonly output: 'inherit' | number;
  readonly signal: AbortSignal;
}

/** Everything, running. */
export interface Fleet {
  readonly endpoint: Endpoint;
  readonly client: SkeinClient;
  /** What applying the project did. */
  readonly applied?: ApplyOutcome;
  /** Pids by name: `coordinator`, `scheduler`, `worker-1` … */
  pids(): { readonly [name: string]: number | undefined };
  /** Workers drain, then all else ends. Leaves no process. Idempotent. */
  stop(): Promise<void>;
  /** Kills all processes now; `stop` then ends soon. */
  kill(): void;
}

const startLimitMs = 60_000;
const drainMs = 10_000;

/** Starts coordinator, scheduler and workers and resolves when all are ready. On a failure everything is stopped again (U3). */
export const startFleet = async (options: FleetOptions): Promise<Fleet> => {
  scrubEnvironment(credentialVariables(process.env));
  const missing = missingPrograms();
  if (missing.length > 0) {
    throw new DomainError('unavailable', `not built: ${missing.join(', ')}; run npm run build`);
  }
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  // The folder holds tokens, and may lie in a repository of the user's.
  await writeFile(join(options.dataDir, '.gitignore'), '*\n', { mode: 0o600 });
  const scratch = await mkdtemp(join(tmpdir(), 'skein-up-'));
  const builder = new FleetBuilder(options, scratch);
  try {
    return await builder.start();
  } catch (error) {
    await builder.stop();
    throw error;
  }
};

class FleetBuilder {
  readonly #options: FleetOptions;
  readonly #scratch: string;
  readonly #clock = createSystemClock();
  readonly #random = createSystemRandom();
  readonly #ids = createIdSource();
  readonly #running = new Map<string, Supervisor>();
  #gateway: ReturnType<typeof createGrpcGateway> | undefined;
  #stopped: Promise<void> | undefined;
  #ready = false;
  #removeEndpoint: (() => Promise<void>) | undefined;

  constructor(options: FleetOptions, scratch: string) {
    this.#options = options;
    this.#scratch = scratch;
  }

  async start(): Promise<Fleet> {
    const found = await this.#startCoordinator();
    // The data folder is ours now, so what a crash left there leads nowhere (U1).
    await rm(join(this.#options.dataDir, 'endpoint.json'), { force: true });
    const token = (await readFile(found.adminTokenFile, 'utf8')).trim();
    const client = createClient({ url: found.http, token });
    const applied = await this.#apply(client);
    this.#startScheduler(found);
    await this.#startWorkers(found, client);
    this.#removeEndpoint = await writeEndpoint(join(this.#options.dataDir, 'endpoint.json'), found);
    return {
      endpoint: found,
      client,
      ...(applied === undefined ? {} : { applied }),
      pids: () => Object.fromEntries([...this.#running].map(([name, supervisor]) => [name, supervisor.pid])),
      stop: () => this.stop(),
      kill: () => this.#kill(),
    };
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      await this.#removeEndpoint?.();
      const coordinator = this.#running.get('coordinator');
      const others = [...this.#running.values()].filter((supervisor) => supervisor !== coordinator);
      // Workers first: their last results and exit reports still find the coordinator.
      await Promise.all(others.map((supervisor) => supervisor.stop()));
      await coordinator?.stop();
      this.#gateway?.close();
      await rm(this.#scratch, { recursive: true, force: true });
    })();
    return this.#stopped;
  }

  async #startCoordinator(): Promise<Endpoint> {
    const { dataDir, http, grpc, insecure } = this.#options;
    const endpointFile = join(this.#scratch, 'endpoint.json');
    let addresses = { http, grpc };
    let ended: { readonly exitCode?: number } | undefined;
    const coordinator = superviseProcess({
      ...this.#supervision('coordinator'),
      launch: () =>
        this.#launch('coordinator', insecure ? ['--insecure'] : [], this.#ids.next('lch'), {
          SKEIN_DATA: dataDir,
          SKEIN_HTTP: addresses.http,
          SKEIN_GRPC: addresses.grpc,
          SKEIN_ENDPOINT_FILE: endpointFile,
        }),
      onExit: (exit) => {
        ended ??= exit;
        // It would only fail again the same way; the start ends with what it said.
        if (!this.#ready) void coordinator.stop();
      },
    });
    this.#running.set('coordinator', coordinator);
    const endpoint = await this.#until('the coordinator', async () => {
      if (ended !== undefined) {
        const wrongCall = ended.exitCode === 2;
        throw new DomainError(
          wrongCall ? 'invalid_argument' : 'unavailable',
          'the coordinator ended before it was ready; what it said is above',
        );
      }
      return readEndpoint(endpointFile);
    });
    this.#ready = true;
    addresses = { http: new URL(endpoint.http).host, grpc: endpoint.grpc }; // U2
    return endpoint;
  }

  async #apply(client: SkeinClient): Promise<ApplyOutcome | undefined> {
    const { project, config } = this.#options;
    if (project === undefined) return undefined;
    const files = await readProjectFolder(project);
    return client.apply({ files, autoModel: config.autoModel, activate: 'new', signal: this.#options.signal });
  }

  #startScheduler(endpoint: Endpoint): void {
    const launch = () =>
      this.#launch('scheduler', [], this.#ids.next('lch'), {
        SKEIN_URL: endpoint.http,
        SKEIN_TOKEN_FILE: endpoint.adminTokenFile,
      });
    this.#running.set('scheduler', superviseProcess({ ...this.#supervision('scheduler'), launch }));
  }

  async #startWorkers(endpoint: Endpoint, client: SkeinClient): Promise<void> {
    const { dataDir, workers, log } = this.#options;
    const joinTokenFile = join(dataDir, 'join-token');
    const token = (await readFile(joinTokenFile, 'utf8')).trim();
    this.#gateway = createGrpcGateway({ address: endpoint.grpc, log });
    for (let number = 1; number <= workers; number += 1) {
      const name = `worker-${number}`;
      const workDir = join(dataDir, 'work', name);
      await mkdir(workDir, { recursive: true, mode: 0o700 });
      const supervisor = superviseWorker({
        ...this.#supervision(name),
        gateway: this.#gateway,
        credentials: { token },
        ids: this.#ids,
        launch: (incarnation) =>
          this.#launch('worker', [], incarnation, {
            SKEIN_COORDINATOR: endpoint.grpc,
            SKEIN_JOIN_TOKEN_FILE: joinTokenFile,
            SKEIN_WORK_DIR: workDir,
            [incarnationVariable]: incarnation,
          }),
      });
      this.#running.set(name, supervisor);
    }
    await this.#until('the workers', async () => {
      const here = (await client.workers.list()).filter((worker) => worker.state === 'connected');
      return here.length >= workers ? true : undefined;
    });
  }

  #supervision(name: string) {
    return { name, clock: this.#clock, random: this.#random, log: this.#options.log, drainMs };
  }

  #launch(program: ProgramName, args: readonly string[], marker: string, own: Environment) {
    const { config, log, output } = this.#options;
    return launchProcess({
      command: process.execPath,
      args: [...exitWithParent, programPath(program), ...args],
      env: childEnv({ SKEIN_LOG_LEVEL: 'warn', SKEIN_DRAIN_MS: '8000', ...config.env }, own, {
        program,
        secretsAt: 'coordinator',
      }),
      stdio: ['ignore', output, output],
      marker,
      log,
    });
  }

  #kill(): void {
    for (const { pid } of this.#running.values()) {
      if (pid === undefined) continue;
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    }
  }

  /** Asks again and again, until there is an answer, the limit passes, or the caller gives up. */
  async #until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const begin = this.#clock.monotonicMs();
    for (;;) {
      const found = await ask();
      if (found !== undefined) return found;
      if (this.#options.signal.aborted) throw new DomainError('cancelled', 'the start was given up');
      if (this.#clock.monotonicMs() - begin > startLimitMs) {
        throw new DomainError('unavailable', `${what} did not get ready within ${startLimitMs / 1_000} s`);
      }
      await this.#clock.sleep(25);
    }
  }
}
