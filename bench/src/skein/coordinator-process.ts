import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nowMs } from '../measure.ts';
import { JsonDoor } from './json-door.ts';
import { until } from './until.ts';

const main = fileURLToPath(new URL('../../../apps/coordinator/dist/main.js', import.meta.url));

/** The built coordinator as a process of its own, on a libSQL file with full synchronous writes, in a temporary folder. */
export class CoordinatorProcess {
  readonly #folder: string;
  readonly #nodeFlags: readonly string[];
  #child: ChildProcess | undefined;
  #token = '';
  #door: JsonDoor | undefined;
  /** Chosen at the first start and kept over restarts. */
  #addresses = { http: '127.0.0.1:0', grpc: '127.0.0.1:0' };

  private constructor(folder: string, nodeFlags: readonly string[]) {
    this.#folder = folder;
    this.#nodeFlags = nodeFlags;
    process.once('exit', this.#killNow);
  }

  /** Starts one with a project of these files on free ports. Needs the build. */
  static async start(
    files: Readonly<Record<string, string>>,
    nodeFlags: readonly string[] = [],
  ): Promise<CoordinatorProcess> {
    if (!existsSync(main)) throw new Error('build first: npm run build');
    const folder = mkdtempSync(join(tmpdir(), 'skein-bench-'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, 'project', path)), { recursive: true });
      writeFileSync(join(folder, 'project', path), text);
    }
    const coordinator = new CoordinatorProcess(folder, nodeFlags);
    await coordinator.#launch(true);
    return coordinator;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get data(): string {
    return join(this.#folder, 'data');
  }

  get http(): string {
    return `http://${this.#addresses.http}`;
  }

  get grpc(): string {
    return this.#addresses.grpc;
  }

  get token(): string {
    return this.#token;
  }

  get joinToken(): string {
    return readFileSync(join(this.data, 'join-token'), 'utf8').trim();
  }

  /** An API call; JSON in, JSON out. Throws for anything but success. */
  call<T>(method: string, path: string, body?: object): Promise<T> {
    if (this.#door === undefined) throw new Error('the coordinator was not started');
    return this.#door.call<T>(method, path, body);
  }

  /** Resolves when so many workers are connected. */
  async workersJoined(count: number): Promise<void> {
    await until(`${count} workers joined`, async () => {
      const { items } = await this.call<{ items: readonly { state: string }[] }>('GET', '/api/workers?limit=500');
      return items.filter((item) => item.state === 'connected').length >= count ? true : undefined;
    });
  }

  /** `kill -9`; resolves when it is gone, with the instant of the kill. */
  async kill(): Promise<number> {
    const child = this.#child;
    const at = nowMs();
    const exited = new Promise<void>((resolve) => child?.once('exit', () => resolve()));
    child?.kill('SIGKILL');
    await exited;
    return at;
  }

  /** Starts it again on the same folder and addresses; resolves with the ms until it says that it is ready. */
  async restart(): Promise<number> {
    const begin = nowMs();
    rmSync(join(this.data, 'endpoint.json'), { force: true });
    await this.#launch(false);
    return nowMs() - begin;
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    process.off('exit', this.#killNow);
    this.#door?.close();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(force);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly #killNow = (): void => {
    this.#child?.kill('SIGKILL');
  };

  async #launch(withProject: boolean): Promise<void> {
    const child = spawn(process.execPath, [...this.#nodeFlags, main], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        SKEIN_DATA: this.data,
        SKEIN_HTTP: this.#addresses.http,
        SKEIN_GRPC: this.#addresses.grpc,
        SKEIN_LOG_LEVEL: 'error',
        ...(withProject ? { SKEIN_PROJECT: join(this.#folder, 'project') } : {}),
      },
    });
    this.#child = child;
    const file = join(this.data, 'endpoint.json');
    const found = await until(
      'endpoint.json',
      () => {
        if (child.exitCode !== null) throw new Error(`the coordinator ended with ${child.exitCode}`);
        return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
      },
      { everyMs: 2, limitMs: 300_000 },
    );
    const endpoint = JSON.parse(found) as { http: string; grpc: string; adminTokenFile: string };
    this.#addresses = { http: new URL(endpoint.http).host, grpc: endpoint.grpc };
    this.#token = readFileSync(endpoint.adminTokenFile, 'utf8').trim();
    this.#door?.close();
    this.#door = new JsonDoor(this.http, this.#token);
  }
}
