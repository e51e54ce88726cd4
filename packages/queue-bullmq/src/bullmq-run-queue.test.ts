import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { CoarseClock } from '../test/coarse-clock.ts';
import { queueDeps } from '../test/queue-deps.ts';
import { BullmqRunQueue } from './bullmq-run-queue.ts';
import type { RedisClient } from './redis-client.ts';

const deadlineMs = 2_000;

/** The first wait for a Redis whose connection is not there yet. */
const settling = () => {
  const clock = new CoarseClock();
  const connecting = () =>
    Object.assign(new EventEmitter(), {
      ping: () => Promise.reject(new Error('not writeable')),
      status: 'connecting',
    }) as unknown as RedisClient;
  const queue = new BullmqRunQueue({
    ...queueDeps(clock),
    prefix: '{skein}',
    deadlineMs,
    probeMs: 1_000,
    shareAfterMs: 20,
    lockMs: 15_000,
    stalledMs: 5_000,
    client: connecting(),
    subscriber: connecting(),
  });
  let isOver = false;
  void queue.settled().then(() => {
    isOver = true;
  });
  return { clock, isOver: () => isOver };
};

test('the first answer has its deadline also when this process stood still meanwhile', async () => {
  const { clock, isOver } = settling();
  await clock.standStill(8_000);
  expect(isOver()).toBe(false);
  await clock.pass(deadlineMs);
  expect(isOver()).toBe(true);
});

test('the first answer is waited for no longer than the deadline by a process that is awake', async () => {
  const { clock, isOver } = settling();
  await clock.pass(deadlineMs - 100);
  expect(isOver()).toBe(false);
  await clock.pass(100);
  expect(isOver()).toBe(true);
});
