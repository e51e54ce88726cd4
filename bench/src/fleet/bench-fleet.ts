import { randomBytes } from 'node:crypto';
import type { PostgresServer } from '@skein/testkit';
import pg from 'pg';
import { folderWith } from '../../../test/e2e/stack.ts';
import { FleetStack } from '../../../test/fleet/fleet-stack.ts';
import type { BenchProcess } from '../measure.ts';
import { type BenchWorkerOptions, startWorkers } from '../skein/bench-worker-options.ts';
import type { FinishedRun } from '../skein/cluster.ts';
import { JsonDoor } from '../skein/json-door.ts';
import { until } from '../skein/until.ts';
import { treeCpuMs } from './process-times.ts';

/** Where fleets of a bench keep their state, and how their processes are started. */
export interface BenchGround {
  readonly postgres: PostgresServer;
  /** Folder for profiles of the coordinators; absent: none are taken. */
  readonly profiles?: string;
  /** Says how far a part is. */
  readonly say: (text: string) => void;
}

/** Processor time in ms. */
export interface CpuTimes {
  readonly coordinators: number;
  readonly postgres: number;
  readonly workers: number;
}

/** Coordinator processes on a database of their own, and processes of workers. */
export class BenchFleet {
  readonly stack: FleetStack;
  /** Of each coordinator. */
  readonly doors: readonly JsonDoor[];
  readonly #joinToken: string;
  readonly #postgres: PostgresServer;
  readonly #workers: BenchProcess[] = [];

  readonly #profiles: boolean;

  private constructor(stack: FleetStack, joinToken: string, { postgres, profiles }: BenchGround) {
    this.stack = stack;
    this.#profiles = profiles !== undefined;
    this.doors = stack.coordinators.map(({ http }) => new JsonDoor(http, stack.token));
    this.#joinToken = joinToken;
    this.#postgres = postgres;
  }

  /** Starts so many with this project; resolves when each is ready and has its share of the shards. Needs the build. */
  static async start(
    ground: BenchGround,
    coordinators: number,
    files: Readonly<Record<string, string>>,
  ): Promise<BenchFleet> {
    const { postgres, profiles } = ground;
    const joinToken = `skt_${randomBytes(24).toString('hex')}`;
    const preload = `--import ${new URL('./profile.mjs', import.meta.url).href}`;
    const profiling = profiles === undefined ? {} : { NODE_OPTIONS: preload, SKEIN_BENCH_PROFILES: profiles };
    const stack = await FleetStack.start({
      project: folderWith(files),
      store: await createDatabase(postgres.url),
      coordinators,
      schedulers: 0,
      workers: 0,
      env: { SKEIN_JOIN_TOKEN: joinToken, SKEIN_LOG_LEVEL: 'error', ...profiling },
    });
    const fleet = new BenchFleet(stack, joinToken, ground);
    await fleet.settled();
    return fleet;
  }

  /** Resolves when all shards are at home, a fair share of them at each coordinator. */
  async settled(): Promise<void> {
    const least = 256 / this.stack.coordinators.length / 2;
    await until(
      'each coordinator has its shards',
      async () => {
        const shares = [...(await this.stack.shards()).values()];
        return shares.reduce((sum, share) => sum + share, 0) === 256 && shares.every((share) => share >= least)
          ? true
          : undefined;
      },
      { limitMs: 180_000 },
    );
  }

  /** A process of workers at one coordinator, or at any of them. */
  async addWorkers(
    at: number | 'any',
    options: Omit<BenchWorkerOptions, 'address' | 'token' | 'kinds'>,
  ): Promise<BenchProcess> {
    const doors = this.stack.coordinators.map(({ grpc }) => grpc);
    const address = at === 'any' ? doors.join(',') : (doors[at] ?? '');
    const worker = await startWorkers({ address, token: this.#joinToken, kinds: ['noop'], ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** Resolves when so many workers hang at coordinators. */
  async joined(count: number): Promise<void> {
    await until(
      `${count} workers joined`,
      async () => {
        const held = await this.stack.held();
        return held.reduce((sum, each) => sum + each, 0) >= count ? true : undefined;
      },
      { limitMs: 180_000, everyMs: 50 },
    );
  }

  /** Submits at one coordinator and waits for the end. */
  async run(at: number, dag: string, waitMs = 60_000): Promise<FinishedRun> {
    const door = this.doors[at % this.doors.length] as JsonDoor;
    let run = await door.call<FinishedRun>('POST', `/api/runs?waitMs=${waitMs}`, { dag, params: {} });
    while (run.status === 'running' || run.status === 'queued')
      run = await door.call<FinishedRun>('GET', `/api/runs/${run.runId}?waitMs=${waitMs}`);
    if (run.status !== 'succeeded') throw new Error(`run ${run.runId} is ${run.status}`);
    return run;
  }

  /** Sum of a counter or gauge over all coordinators that answer. */
  async metric(name: string): Promise<number> {
    const texts = await Promise.all(this.doors.map((door) => door.text('GET', '/metrics').catch(() => '')));
    const line = new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+]+)`, 'gm');
    return texts.reduce(
      (sum, text) => [...text.matchAll(line)].reduce((inner, match) => inner + Number(match[1]), sum),
      0,
    );
  }

  /** Has the coordinators begin their profiles, if any are to be taken. */
  profile(): void {
    if (this.#profiles) for (const coordinator of this.stack.coordinators) coordinator.signal('SIGUSR2');
  }

  cpu(): CpuTimes {
    return {
      coordinators: treeCpuMs(this.stack.coordinators.map(({ pid }) => pid)),
      postgres: treeCpuMs([this.#postgres.pid ?? 0]),
      workers: treeCpuMs(this.#workers.map(({ child }) => child.pid ?? 0)),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    for (const door of this.doors) door.close();
    await this.stack.stop();
  }
}

/** What was used between two looks. */
export const cpuBetween = (before: CpuTimes, after: CpuTimes): CpuTimes & { readonly all: number } => {
  const [coordinators, postgres, workers] = [
    after.coordinators - before.coordinators,
    after.postgres - before.postgres,
    after.workers - before.workers,
  ];
  return { coordinators, postgres, workers, all: coordinators + postgres + workers };
};

const createDatabase = async (serverUrl: string): Promise<string> => {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`create database ${name} template template0`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
};
