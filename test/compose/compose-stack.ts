import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient, type SkeinClient } from '@skein/sdk';
import { freePort } from '@skein/testkit';
import { eventually } from '../e2e/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Version of the images that these tests build: beside those of whoever runs them. */
const version = 'compose-test';

/** How long a command is tried again when it ends with the exit code that says that nobody could be reached. */
const reachMs = 60_000;
const unreachable = 3;

/** What is added to docker-compose.yml: a folder in which steps leave evidence. */
const withEvidence = (folder: string): string => `services:
  worker:
    environment: { SKEIN_SLOTS: '2' }
    volumes: ['${folder}:/evidence']
`;

/** A program that did not end well. */
class ProgramError extends Error {
  readonly exitCode: unknown;

  constructor(message: string, exitCode: unknown) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Output of a program that ended well. Throws `ProgramError` with what it said otherwise. */
const run = (program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env }, timeout: 900_000, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else {
        const told = `${program} ${args.join(' ')}: ${error.code ?? error.signal}\n${stdout}\n${stderr}`;
        reject(new ProgramError(told, error.code));
      }
    });
  });

/** Why no containers can be run here; undefined when they can. */
export const whyNoEngine = (): string | undefined => {
  for (const args of [['info'], ['compose', 'version']]) {
    const { status, stderr, error } = spawnSync('docker', args, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) return `docker ${args.join(' ')}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
  }
  return undefined;
};

/** One container, by what its service is called and what it itself is. */
export interface Container {
  readonly service: string;
  readonly id: string;
}

interface Access {
  readonly client: SkeinClient;
  readonly clientOf: (token: string) => SkeinClient;
  readonly env: NodeJS.ProcessEnv;
}

/** The services of docker-compose.yml under a name of their own, on free ports. */
export class ComposeStack {
  /** Seen as /evidence by every worker. */
  readonly folder = mkdtempSync(join(tmpdir(), 'skein-compose-'));
  readonly name = `skein-test-${process.pid}`;
  readonly #env: NodeJS.ProcessEnv;
  readonly #files: readonly string[];
  readonly urls: readonly string[];
  #access: Access | undefined;
  #commands = 0;

  private constructor(ports: readonly [number, number]) {
    chmodSync(this.folder, 0o777);
    const added = join(this.folder, 'added.yml');
    writeFileSync(added, withEvidence(this.folder));
    this.#files = ['--file', join(root, 'docker-compose.yml'), '--file', added];
    this.urls = ports.map((port) => `https://127.0.0.1:${port}`);
    this.#env = {
      SKEIN_VERSION: version,
      SKEIN_HTTP_PORT: String(ports[0]),
      SKEIN_HTTP_PORT_2: String(ports[1]),
      // Some engines that answer like Docker cannot build two images at once.
      COMPOSE_PARALLEL_LIMIT: '1',
    };
  }

  static async create(): Promise<ComposeStack> {
    return new ComposeStack([await freePort(), await freePort()]);
  }

  compose(...args: readonly string[]): Promise<string> {
    return run('docker', ['compose', '--project-name', this.name, ...this.#files, ...args], this.#env);
  }

  docker(...args: readonly string[]): Promise<string> {
    return run('docker', args, this.#env);
  }

  /**
   * A command in a container of the service `cli`; one that may be given twice, because it is tried again while nobody can be reached: the
   * name service of some engines is away for seconds when a container joins a network. What it answered is read from the log that the
   * engine keeps: some lose the output of a container that ends while they attach to it.
   */
  async cli(...args: readonly string[]): Promise<string> {
    const deadline = Date.now() + reachMs;
    for (;;) {
      this.#commands += 1;
      const container = `${this.name}-command-${this.#commands}`;
      try {
        await this.compose('run', '--no-deps', '-T', '--name', container, 'cli', ...args);
        return await this.docker('logs', container);
      } catch (error) {
        if (!(error instanceof ProgramError && error.exitCode === unreachable) || Date.now() > deadline) throw error;
        console.warn(`tried again: ${error.message.trim().split('\n').at(-1)}`);
      } finally {
        // What cannot be removed now goes with the stack, and hides no answer and no error.
        await this.docker('rm', '--force', container).catch(() => undefined);
      }
    }
  }

  /** Starts everything, and waits until it is well. */
  async up(workers: number): Promise<void> {
    await this.compose('up', '--detach', '--wait', '--scale', `worker=${workers}`);
    const read = (path: string): Promise<string> => this.compose('exec', '-T', 'coordinator-1', 'cat', path);
    const [token, ca] = [(await read('/secrets/admin/token')).trim(), await read('/secrets/admin/ca.pem')];
    const authorityFile = join(this.folder, 'ca.pem');
    writeFileSync(authorityFile, ca);
    const clientOf = (text: string): SkeinClient =>
      createClient({ url: this.urls, token: text, ca, retry: { attempts: 8 } });
    this.#access = {
      client: clientOf(token),
      clientOf,
      env: { SKEIN_URL: this.urls.join(','), SKEIN_TOKEN: token, SKEIN_CA_FILE: authorityFile },
    };
  }

  /** A command of this machine, with the token and the authority of the fleet. */
  hostCli(...args: readonly string[]): Promise<string> {
    return run(process.execPath, ['apps/cli/bin/skein.mjs', ...args], this.#opened.env);
  }

  get client(): SkeinClient {
    return this.#opened.client;
  }

  /** Of whoever has this token. */
  clientOf(token: string): SkeinClient {
    return this.#opened.clientOf(token);
  }

  async scale(workers: number): Promise<void> {
    const how = ['--detach', '--no-deps', '--no-recreate', '--no-build', '--scale', `worker=${workers}`];
    await this.compose('up', ...how, 'worker');
  }

  async containers(service: string): Promise<readonly Container[]> {
    const ids = (await this.compose('ps', '--quiet', service)).split('\n').filter((line) => line !== '');
    return ids.map((id) => ({ service, id }));
  }

  /** Names of the networks that a container is in. */
  async networks({ id }: Container): Promise<readonly string[]> {
    const text = await this.docker('inspect', '--format', '{{json .NetworkSettings.Networks}}', id);
    return Object.keys(JSON.parse(text) as object);
  }

  async connected(count: number, deadlineMs: number): Promise<void> {
    const isConnected = async (): Promise<boolean> => {
      const workers = await this.client.workers.list().catch(() => []);
      if (workers.filter(({ state }) => state === 'connected').length === count) return true;
      await sleep(250);
      return false;
    };
    await eventually(`${count} workers are connected`, isConnected, deadlineMs);
  }

  /** What the services said last, for people who look at a failure. */
  logs(): Promise<string> {
    return this.compose('logs', '--no-color', '--tail', '40').catch(String);
  }

  /** Ends all of it, with its volumes. */
  async down(): Promise<void> {
    const how = ['--profile', 'tools', 'down', '--volumes', '--timeout', '5', '--remove-orphans'];
    try {
      // Some engines wait a minute for a container that was paused to stop, or lose count of it: all go by force.
      await this.compose('kill').catch(() => undefined);
      await this.compose(...how).catch(async () => {
        const ids = await this.docker('ps', '--all', '--quiet', '--filter', this.filter);
        for (const id of ids.split('\n').filter((line) => line !== '')) await this.docker('rm', '--force', id);
        await this.compose(...how);
      });
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  /** What containers and volumes of this stack are found by. */
  get filter(): string {
    return `label=com.docker.compose.project=${this.name}`;
  }

  get #opened(): Access {
    if (this.#access === undefined) throw new Error('the services are not up');
    return this.#access;
  }
}
