import { EventEmitter } from 'node:events';
import { createMemoryLog } from '@skein/testkit';
import { expect, test } from 'vitest';
import { CoarseClock } from '../test/coarse-clock.ts';
import { createMemoryMeter } from '../test/queue-deps.ts';
import type { RedisClient } from './redis-client.ts';
import { RedisLink } from './redis-link.ts';

const deadlineMs = 2_000;

/** A link to a Redis that answers probes, and a call through it that is not answered yet. */
const calling = async () => {
  const clock = new CoarseClock();
  const client = Object.assign(new EventEmitter(), { ping: async () => 'PONG', status: 'ready' });
  const link = new RedisLink({
    client: client as unknown as RedisClient,
    clock,
    log: createMemoryLog(),
    meter: createMemoryMeter(),
    deadlineMs,
    probeMs: 60_000,
    prepare: async () => undefined,
    tryWrite: async () => undefined,
    onUp: () => undefined,
  });
  client.emit('ready');
  await clock.pass(100);
  expect(link.up).toBe(true);
  const late: string[] = [];
  let answer: (value: string) => void = () => undefined;
  const asked = new Promise<string>((resolve) => {
    answer = resolve;
  });
  let ended = '';
  const call = link
    .run(
      'size',
      () => asked,
      (value) => late.push(value),
    )
    .then(
      (value) => {
        ended = value;
      },
      (error: unknown) => {
        ended = (error as { readonly code: string }).code;
      },
    );
  return { clock, link, late, answer, call, ended: () => ended };
};

test('an answer that comes while this process stands still is one in time', async () => {
  const { clock, link, late, answer, call, ended } = await calling();
  await clock.standStill(8_000);
  expect(ended()).toBe('');
  answer('read at last');
  await call;
  expect([ended(), link.up, link.failures, late]).toEqual(['read at last', true, 0, []]);
  await clock.pass(2 * deadlineMs);
  expect(link.up).toBe(true);
});

test('no answer within a deadline after this process stood still is none', async () => {
  const { clock, link, late, answer, call, ended } = await calling();
  await clock.standStill(8_000);
  await clock.pass(deadlineMs - 100);
  expect(ended()).toBe('');
  await clock.pass(100);
  await call;
  expect([ended(), link.up, link.failures]).toEqual(['unavailable', false, 1]);
  answer('too late');
  await clock.pass(100);
  expect(late).toEqual(['too late']);
});

test('a process that stands still again and again finds out that Redis hangs, too', async () => {
  const { clock, link, call, ended } = await calling();
  await clock.standStill(8_000);
  await clock.standStill(8_000);
  await call;
  expect([ended(), link.up]).toEqual(['unavailable', false]);
});

test('a process that is awake waits for one deadline', async () => {
  const { clock, link, call, ended } = await calling();
  await clock.pass(deadlineMs - 100);
  expect(ended()).toBe('');
  await clock.pass(100);
  await call;
  expect([ended(), link.up]).toEqual(['unavailable', false]);
});
