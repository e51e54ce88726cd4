import { Worker } from 'bullmq';
import { nowMs } from '../measure.ts';

let done = 0;
let target = Number.POSITIVE_INFINITY;
process.on('message', (message: { jobs: number }) => {
  target = message.jobs;
  done = 0;
});
const worker = new Worker('anchor', () => Promise.resolve({ at: nowMs() }), {
  connection: { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null },
  concurrency: 200,
  drainDelay: 5,
});
worker.on('error', () => undefined);
worker.on('completed', () => {
  done += 1;
  if (done < target) return;
  target = Number.POSITIVE_INFINITY;
  process.send?.({ type: 'done', at: nowMs() });
});
await worker.waitUntilReady();
process.send?.({ type: 'up' });
process.on('SIGTERM', () => process.exit(0));
