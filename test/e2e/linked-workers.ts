import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGrpcGateway } from '@skein/grpc';
import { incarnationVariable, launchProcess, launchVariable, type Supervisor, superviseWorker } from '@skein/launcher';
import { createIdSource, createSystemClock, createSystemRandom } from '@skein/telemetry';
import { createMemoryLog } from '@skein/testkit';
import { type Link, openLink } from './link.ts';
import { eventually, rootFolder, type Stack } from './stack.ts';

/** A worker under a launcher of this process, with a network of its own to the coordinator. */
export interface LinkedWorker {
  readonly name: string;
  readonly link: Link;
  /** Of the process that runs now. */
  readonly pid: number | undefined;
}

/** Workers that a test starts beside a stack that has none (`workers: 0`), each behind a link. */
export class LinkedWorkers {
  readonly workers: readonly LinkedWorker[];
  readonly #supervisors: readonly Supervisor[];
  readonly #close: () => void;

  private constructor(workers: readonly LinkedWorker[], supervisors: readonly Supervisor[], close: () => void) {
    this.workers = workers;
    this.#supervisors = supervisors;
    this.#close = close;
  }

  /** Starts them and waits until they have joined. `env` may differ from worker to worker. */
  static async start(
    stack: Stack,
    count: number,
    env: (index: number) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<LinkedWorkers> {
    const log = createMemoryLog();
    const [clock, random, ids] = [createSystemClock(), createSystemRandom(), createIdSource()];
    const token = readFileSync(join(stack.data, 'join-token'), 'utf8').trim();
    const gateway = createGrpcGateway({ address: stack.grpc, log });
    const supervisors: Supervisor[] = [];
    const workers: LinkedWorker[] = [];
    for (let index = 0; index < count; index += 1) {
      const name = `linked-${index}`;
      const link = await openLink(stack.grpc);
      const workDir = join(stack.data, 'work', name);
      mkdirSync(workDir, { recursive: true });
      const supervisor = superviseWorker({
        name,
        clock,
        random,
        ids,
        log,
        gateway,
        credentials: { token },
        drainMs: 10_000,
        launch: (incarnation) =>
          launchProcess({
            command: process.execPath,
            args: [join(rootFolder, 'apps/worker/dist/main.js')],
            env: {
              PATH: process.env['PATH'],
              SKEIN_LOG_LEVEL: 'silent',
              SKEIN_DRAIN_MS: '5000',
              ...env(index),
              SKEIN_COORDINATOR: link.address,
              SKEIN_JOIN_TOKEN: token,
              SKEIN_WORK_DIR: workDir,
              [launchVariable]: stack.marker,
              [incarnationVariable]: incarnation,
            },
            stdio: 'ignore',
            marker: incarnation,
            log,
          }),
      });
      supervisors.push(supervisor);
      workers.push({
        name,
        link,
        get pid() {
          return supervisor.pid;
        },
      });
    }
    const linked = new LinkedWorkers(workers, supervisors, () => gateway.close());
    try {
      await eventually(
        'the linked workers joined',
        async () => {
          const pids = (await stack.workers())
            .filter((worker) => worker.state === 'connected')
            .map((worker) => worker.pid);
          return workers.every((worker) => worker.pid !== undefined && pids.includes(worker.pid));
        },
        90_000,
      );
    } catch (error) {
      await linked.stop();
      throw error;
    }
    return linked;
  }

  /** The worker with this id, as the coordinator names it. */
  async byId(stack: Stack, workerId: string | undefined): Promise<LinkedWorker> {
    const pid = (await stack.workers()).find((worker) => worker.workerId === workerId)?.pid;
    const found = this.workers.find((worker) => worker.pid !== undefined && worker.pid === pid);
    if (found === undefined) throw new Error(`no linked worker is ${workerId} (pid ${pid})`);
    return found;
  }

  /** Ends them orderly, before the stack is stopped. */
  async stop(): Promise<void> {
    for (const { link } of this.workers) link.heal();
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
    this.#close();
    await Promise.all(this.workers.map(({ link }) => link.close()));
  }
}
