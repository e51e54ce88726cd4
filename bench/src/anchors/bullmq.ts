import { Queue } from 'bullmq';
import { medianOf, nowMs, round3, startProcess, throughput } from '../measure.ts';
import type { LocalRedis } from './redis-server.ts';

/** Jobs per second, added and processed end to end by BullMQ on Redis without persistence, one worker process with concurrency 200 (Q). */
export const measureBullmq = async (redis: LocalRedis, jobs: number): Promise<number> => {
  const connection = { host: '127.0.0.1', port: redis.port };
  const queue = new Queue('anchor', { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } });
  queue.on('error', () => undefined);
  await queue.waitUntilReady();
  const worker = await startProcess(new URL('./bullmq-worker.ts', import.meta.url), [String(redis.port)]);
  const pad = 'x'.repeat(200);
  const once = async (): Promise<number> => {
    const done = worker.next<{ type: 'done'; at: number }>('done');
    worker.send({ type: 'target', jobs });
    const start = nowMs();
    await throughput(jobs, 64, (index) => queue.add('job', { index, pad }));
    return (jobs / ((await done).at - start)) * 1000;
  };
  await once();
  const perSecond = await medianOf(3, once);
  await worker.stop();
  await queue.close();
  return round3(perSecond);
};
