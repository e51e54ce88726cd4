import { setTimeout as sleep } from 'node:timers/promises';
import { residentMiB } from '../delivery/written-bytes.ts';
import { startProcess } from '../measure.ts';
import { BenchFleet, type BenchGround } from './bench-fleet.ts';
import { treeCpuMs } from './process-times.ts';
import { noopProject } from './throughput.ts';

/** What a server process takes while it holds streams on which nothing happens but signs of life. */
export interface IdleCost {
  readonly residentMiB: number;
  /** Share of one processor. */
  readonly cpu: number;
}

/** A coordinator without workers and with many, and a plain grpc-js server with as many plain streams. */
export interface IdleFigures {
  readonly workers: number;
  readonly heartbeatMs: number;
  readonly none: IdleCost;
  readonly many: IdleCost;
  readonly rawNone: IdleCost;
  readonly rawMany: IdleCost;
}

const processes = 4;
const heartbeatMs = 1_500;
const joinEveryMs = 20;

const costOf = async (pid: number, windowMs: number): Promise<IdleCost> => {
  const before = treeCpuMs([pid]);
  const begin = performance.now();
  await sleep(windowMs);
  const cpu = (treeCpuMs([pid]) - before) / (performance.now() - begin);
  return { residentMiB: residentMiB(pid)?.now ?? Number.NaN, cpu };
};

const measureRaw = async (streams: number, windowMs: number): Promise<readonly [IdleCost, IdleCost]> => {
  const server = await startProcess(new URL('../anchors/echo-server.ts', import.meta.url), []);
  const clients: Awaited<ReturnType<typeof startProcess>>[] = [];
  try {
    server.send({ type: 'where' });
    const { address } = await server.next<{ type: 'address'; address: string }>('address');
    const pid = server.child.pid ?? 0;
    const none = await costOf(pid, windowMs);
    const args = [address, String(streams / processes), String(heartbeatMs)];
    for (let index = 0; index < processes; index += 1)
      clients.push(await startProcess(new URL('../anchors/idle-streams.ts', import.meta.url), args));
    await sleep(2 * heartbeatMs);
    return [none, await costOf(pid, windowMs)];
  } finally {
    await Promise.all([...clients, server].map((each) => each.stop()));
  }
};

/** Workers in four processes, each with the real endpoint, a connection of its own, and a heartbeat every 1.5 s. */
export const measureIdle = async (ground: BenchGround, workers: number, windowMs: number): Promise<IdleFigures> => {
  const [rawNone, rawMany] = await measureRaw(workers, windowMs);
  const fleet = await BenchFleet.start(ground, 1, noopProject(1));
  try {
    const pid = fleet.stack.coordinators[0]?.pid ?? 0;
    const none = await costOf(pid, windowMs);
    // One process after the other, and each lets its workers join one by one: 250 that do so at once leave a process no time for the signs
    // of life of those that have joined.
    for (let index = 1; index <= processes; index += 1) {
      const each = workers / processes;
      await fleet.addWorkers(0, { workers: each, slots: 4, labels: {}, behaviour: 'instant', joinEveryMs });
      await fleet.joined(index * each);
      ground.say(`${index * each} workers have joined`);
    }
    await sleep(2 * heartbeatMs);
    const many = await costOf(pid, windowMs);
    return { workers, heartbeatMs, none, many, rawNone, rawMany };
  } finally {
    await fleet.stop();
  }
};
