import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, readProjectFolder, type SkeinClient } from '@skein/sdk';
import { freePort, type PostgresDatabase, startPostgres } from '@skein/testkit';
import { eventually } from '../e2e/stack.ts';
import { FleetProcess } from './fleet-process.ts';

/** Longest wait for anything: processes of a busy machine take long to start. */
export const patienceMs = 180_000;

/** What a fleet is made of. */
export interface FleetOptions {
  /** Folder of the project that is applied. */
  readonly project: string;
  readonly coordinators?: number;
  readonly schedulers?: number;
  readonly workers?: number;
  readonly slots?: number;
  /** More variables of every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the state is; a database of its own when not given. It is not stopped with the fleet. */
  readonly store?: string;
  /** More variables of one coordinator, once it is known where it will listen. */
  readonly coordinatorEnv?: (place: CoordinatorPlace) => Promise<Readonly<Record<string, string>>>;
  /** `HOST:PORT` of the coordinators, as workers are told them; where they listen when not given. */
  readonly doors?: () => readonly string[];
}

/** Where a coordinator listens, `HOST:PORT`. */
export interface CoordinatorPlace {
  readonly name: string;
  readonly http: string;
  readonly grpc: string;
}

/** A coordinator of the fleet, and where it is; it comes back at the same place. */
export class FleetCoordinator extends FleetProcess {
  readonly http: string;
  readonly grpc: string;

  constructor(
    name: string,
    ports: { readonly http: number; readonly grpc: number },
    env: Readonly<Record<string, string>>,
  ) {
    const http = `127.0.0.1:${ports.http}`;
    const grpc = `127.0.0.1:${ports.grpc}`;
    super('coordinator', name, { ...env, SKEIN_HTTP: http, SKEIN_GRPC: grpc, SKEIN_COORDINATOR_ID: name });
    this.http = `http://${http}`;
    this.grpc = grpc;
  }
}

/** When a line was logged; NaN for what is no line of a log. */
const instantOf = (line: string): number => Date.parse(/"at":"([^"]+)"/.exec(line)?.[1] ?? '');

/** Coordinators on one PostgreSQL, schedulers and workers, each a process of its own. */
export class FleetStack {
  readonly coordinators: readonly FleetCoordinator[];
  readonly schedulers: readonly FleetProcess[];
  readonly workers: readonly FleetProcess[];
  readonly token: string;
  readonly #folder: string;
  readonly #database: PostgresDatabase | undefined;

  private constructor(
    parts: Pick<FleetStack, 'coordinators' | 'schedulers' | 'workers' | 'token'>,
    folder: string,
    database: PostgresDatabase | undefined,
  ) {
    this.coordinators = parts.coordinators;
    this.schedulers = parts.schedulers;
    this.workers = parts.workers;
    this.token = parts.token;
    this.#folder = folder;
    this.#database = database;
  }

  /** Starts all of it; resolves when every coordinator is ready, the project applied and every worker connected. */
  static async start(options: FleetOptions): Promise<FleetStack> {
    const database = options.store === undefined ? await startPostgres() : undefined;
    const store = options.store ?? database?.url ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'skein-fleet-'));
    const secrets = {
      SKEIN_PEER_SECRET: randomBytes(24).toString('hex'),
      SKEIN_ADMIN_TOKEN: `skt_${randomBytes(24).toString('hex')}`,
      SKEIN_JOIN_TOKEN: `skt_${randomBytes(24).toString('hex')}`,
      SKEIN_SCHEDULER_TOKEN: `skt_${randomBytes(24).toString('hex')}`,
    };
    const { coordinators: coordinatorCount = 3, schedulers = 2, workers = 4, slots = 4, env = {} } = options;
    const coordinators: FleetCoordinator[] = [];
    for (let index = 0; index < coordinatorCount; index += 1) {
      const name = `c${index + 1}`;
      const ports = { http: await freePort(), grpc: await freePort() };
      const place = { name, http: `127.0.0.1:${ports.http}`, grpc: `127.0.0.1:${ports.grpc}` };
      coordinators.push(
        new FleetCoordinator(name, ports, {
          ...secrets,
          SKEIN_DATA: join(folder, name),
          SKEIN_STORE: store,
          ...env,
          ...(await options.coordinatorEnv?.(place)),
        }),
      );
    }
    const stack = new FleetStack(
      {
        coordinators,
        token: secrets.SKEIN_ADMIN_TOKEN,
        schedulers: Array.from(
          { length: schedulers },
          (_, index) =>
            new FleetProcess('scheduler', `s${index + 1}`, {
              SKEIN_URL: coordinators.map(({ http }) => http).join(','),
              SKEIN_TOKEN: secrets.SKEIN_SCHEDULER_TOKEN,
              ...env,
            }),
        ),
        workers: Array.from(
          { length: workers },
          (_, index) =>
            new FleetProcess('worker', `w${index + 1}`, {
              SKEIN_COORDINATORS: (options.doors?.() ?? coordinators.map(({ grpc }) => grpc)).join(','),
              SKEIN_JOIN_TOKEN: secrets.SKEIN_JOIN_TOKEN,
              SKEIN_SLOTS: String(slots),
              SKEIN_WORK_DIR: join(folder, `work-${index + 1}`),
              ...env,
            }),
        ),
      },
      folder,
      database,
    );
    try {
      for (const each of stack.coordinators) each.start();
      for (const coordinator of coordinators) await stack.ready(coordinator);
      for (const each of [...stack.schedulers, ...stack.workers]) each.start();
      await stack.client.apply({ files: await readProjectFolder(options.project), activate: true });
      await stack.connected(workers);
      return stack;
    } catch (error) {
      const output = stack.output;
      await stack.stop();
      throw new Error(`${(error as Error).message}\n${output}`, { cause: error });
    }
  }

  get processes(): readonly FleetProcess[] {
    return [...this.coordinators, ...this.schedulers, ...this.workers];
  }

  get output(): string {
    return this.processes.map(({ name, output }) => `--- ${name}\n${output.slice(-4_000)}`).join('\n');
  }

  /** Lines of the logs of these instants (ms since the epoch), in order of time. */
  saidBetween(from: number, to: number): readonly string[] {
    return this.processes
      .flatMap(({ name, output }) => output.split('\n').map((line) => ({ name, line, at: instantOf(line) })))
      .filter(({ at }) => at >= from && at <= to)
      .toSorted((a, b) => a.at - b.at)
      .map(({ name, line }) => `${name} ${line.slice(0, 400)}`);
  }

  /** A client of all coordinators that follows the retry rule. */
  get client(): SkeinClient {
    return createClient({ url: this.coordinators.map(({ http }) => http), token: this.token });
  }

  /** A client of one coordinator. */
  clientOf(coordinator: FleetCoordinator): SkeinClient {
    return createClient({ url: coordinator.http, token: this.token });
  }

  /** Resolves when the coordinator is ready. */
  async ready(coordinator: FleetCoordinator, deadlineMs = patienceMs): Promise<void> {
    const client = createClient({ url: coordinator.http, token: this.token, retry: { attempts: 1 } });
    await eventually(
      `${coordinator.name} is ready`,
      async () => {
        if (!coordinator.isRunning) throw new Error(`${coordinator.name} ended`);
        return (await client.readiness().catch(() => undefined))?.status === 'ready';
      },
      deadlineMs,
    );
  }

  /** Resolves when every running coordinator sees so many workers connected. */
  async connected(count: number, deadlineMs = patienceMs): Promise<void> {
    await eventually(
      `${count} workers connected, seen by all`,
      async () => {
        const lists = await Promise.all(
          this.coordinators
            .filter(({ isRunning }) => isRunning)
            .map(async (coordinator) =>
              this.clientOf(coordinator)
                .workers.list()
                .catch(() => []),
            ),
        );
        return lists.every((list) => list.filter(({ state }) => state === 'connected').length === count);
      },
      deadlineMs,
    );
  }

  /** Shards that each running coordinator says are at home there. */
  async shards(): Promise<ReadonlyMap<string, number>> {
    const counts = await Promise.all(
      this.coordinators
        .filter(({ isRunning }) => isRunning)
        .map(async (coordinator) => {
          const said = await createClient({ url: coordinator.http, token: this.token, retry: { attempts: 1 } })
            .readiness()
            .catch(() => undefined);
          return [coordinator.name, Number.parseInt(said?.checks['shards']?.detail ?? '0', 10)] as const;
        }),
    );
    return new Map(counts);
  }

  /** Workers whose streams end at each running coordinator. */
  async held(): Promise<readonly number[]> {
    return Promise.all(
      this.coordinators
        .filter(({ isRunning }) => isRunning)
        .map(async (coordinator) => {
          const text = await this.clientOf(coordinator)
            .metrics()
            .catch(() => '');
          return Number(/^skein_workers(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0);
        }),
    );
  }

  /** Ends all of it, and the database. Gives the processes that had to be killed. */
  async stop(): Promise<readonly string[]> {
    const forced: string[] = [];
    const end = async (processes: readonly FleetProcess[]): Promise<void> => {
      await Promise.all(
        processes.map(async (each) => {
          if (await each.close()) forced.push(each.name);
        }),
      );
    };
    await end([...this.schedulers, ...this.workers]);
    await end(this.coordinators);
    await this.#database?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
    return forced;
  }
}
