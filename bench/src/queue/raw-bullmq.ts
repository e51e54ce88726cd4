import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { nowMs } from '../measure.ts';

/** BullMQ as its guide shows it: a queue and a worker that is called. */
export interface RawBullmq {
  /** Jobs per second, added in batches and processed. */
  throughput(jobs: number, batch: number): Promise<number>;
  /** Jobs per second, added one by one with so many on their way, and processed. */
  singleThroughput(jobs: number, inFlight: number): Promise<number>;
  /** From adding one job to an idle queue until the worker has it, in ms. */
  latency(): Promise<number>;
  close(): Promise<void>;
}

const dataOf = (index: number) => ({
  tenant: 'default',
  runId: `run_${index}`,
  shard: index % 256,
  priority: 0,
  seq: 1,
});

/** Jobs processed at once. */
const concurrency = 64;

export const openRawBullmq = async (port: number): Promise<RawBullmq> => {
  const connect = (): Redis => new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });
  const clients = [connect(), connect()] as const;
  const removal = { removeOnComplete: true, removeOnFail: true };
  const prefix = '{raw}';
  const queue = new Queue('runs', { connection: clients[0], prefix, defaultJobOptions: removal });
  let onJob: () => void = () => undefined;
  const worker = new Worker(
    'runs',
    async () => {
      onJob();
    },
    { connection: clients[1], prefix, concurrency },
  );
  queue.on('error', () => undefined);
  worker.on('error', () => undefined);
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);

  const whenDone = (jobs: number): Promise<void> =>
    new Promise((resolve) => {
      let done = 0;
      const onDone = (): void => {
        done += 1;
        if (done < jobs) return;
        worker.off('completed', onDone);
        resolve();
      };
      worker.on('completed', onDone);
    });

  const measure = async (jobs: number, add: () => Promise<void>): Promise<number> => {
    const done = whenDone(jobs);
    const start = nowMs();
    await add();
    await done;
    return (jobs / (nowMs() - start)) * 1000;
  };

  return {
    throughput: (jobs, batch) =>
      measure(jobs, async () => {
        for (let at = 0; at < jobs; at += batch) {
          const size = Math.min(batch, jobs - at);
          await queue.addBulk(Array.from({ length: size }, (_, index) => ({ name: 'run', data: dataOf(at + index) })));
        }
      }),
    singleThroughput: (jobs, inFlight) =>
      measure(jobs, async () => {
        let next = 0;
        const lane = async (): Promise<void> => {
          for (let index = next++; index < jobs; index = next++) await queue.add('run', dataOf(index));
        };
        await Promise.all(Array.from({ length: inFlight }, lane));
      }),
    latency: async () => {
      const done = whenDone(1);
      const taken = new Promise<number>((resolve) => {
        onJob = () => resolve(nowMs());
      });
      const start = nowMs();
      await queue.add('run', dataOf(0));
      const ms = (await taken) - start;
      onJob = () => undefined;
      await done;
      return ms;
    },
    close: async () => {
      await worker.close();
      await queue.close();
      for (const client of clients) client.disconnect();
    },
  };
};
