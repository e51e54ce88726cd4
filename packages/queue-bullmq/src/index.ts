export { openBullmqQueue } from './open-bullmq-queue.ts';
export type { BullmqQueue, BullmqQueueOptions } from './queue-options.ts';
