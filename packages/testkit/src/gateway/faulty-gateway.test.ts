import { DomainError } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import { expect, test } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createSeededRandom } from '../seeded-random.ts';
import type { Faults } from './faulty-gateway.ts';
import { FaultyGateway } from './faulty-gateway.ts';
import { sampleHello, sampleResult, sampleTask } from './sample-messages.ts';
import { ScriptedCoordinator, scriptedToken } from './scripted-coordinator.ts';

const credentials = { token: scriptedToken };

const setUp = (faults: Partial<Faults>, seed = 1) => {
  const clock = new FakeClock();
  const coordinator = new ScriptedCoordinator(createNodeHasher());
  const gateway = new FaultyGateway({ target: coordinator, clock, random: createSeededRandom(seed) }, faults);
  const open = () => {
    const heard: CoordinatorMessage[] = [];
    const ends: (DomainError | undefined)[] = [];
    const link = gateway.openWorkerStream(credentials, {
      onMessage: (message) => heard.push(message),
      onClosed: (error) => ends.push(error),
    });
    return { heard, ends, link };
  };
  const received = (stream = 0): readonly WorkerMessage[] => coordinator.streams[stream]?.received ?? [];
  return { clock, coordinator, gateway, open, received };
};

const fates = async (seed: number): Promise<readonly string[]> => {
  const { clock, coordinator, open, received } = setUp({ cut: 0.02, duplicate: 0.2, maxDelayMs: 50 }, seed);
  const { link } = open();
  link.send(sampleHello());
  for (let index = 0; index < 40; index++) {
    link.send({ type: 'started', task: sampleTask(index) });
    await clock.advance(25);
  }
  await clock.advance(5_000);
  return [...received().map((message) => JSON.stringify(message)), String(coordinator.streams[0]?.closed?.error?.code)];
};

test('gives the same faults for the same seed, and others for another', async () => {
  expect(await fates(7)).toEqual(await fates(7));
  expect(await fates(7)).not.toEqual(await fates(8));
});

test('keeps the order of late messages and delivers nothing before its time', async () => {
  const { clock, open, received } = setUp({ minDelayMs: 100, maxDelayMs: 400 });
  const { link } = open();
  link.send(sampleHello());
  for (let index = 0; index < 50; index++) link.send({ type: 'started', task: sampleTask(index) });
  await clock.advance(99);
  expect(received()).toEqual([]);
  await clock.advance(400);
  expect(received().length).toBe(51);
  expect(
    received()
      .slice(1)
      .map((message) => ('task' in message ? message.task.token : 0)),
  ).toEqual(Array.from({ length: 50 }, (_, index) => 10 + index));
  expect(clock.pending).toBe(0);
});

test('duplicates messages in place, but never the first', async () => {
  const { clock, gateway, open, received } = setUp({ duplicate: 1 });
  const { link } = open();
  link.send(sampleHello());
  link.send({ type: 'result', result: sampleResult(1) });
  link.send({ type: 'draining' });
  await clock.advance(1);
  expect(received().map((message) => message.type)).toEqual(['hello', 'result', 'result', 'draining', 'draining']);
  expect(gateway.counts.duplicates).toBe(2);
});

test('ends both sides once, with an error, when a stream is cut', async () => {
  const { clock, coordinator, gateway, open } = setUp({});
  const { ends, link } = open();
  link.send(sampleHello());
  await clock.advance(1);
  gateway.setFaults({ cut: 1 });
  link.send({ type: 'draining' });
  link.send({ type: 'draining' });
  gateway.cutAll();
  await clock.advance(1);
  expect(ends.map((error) => error?.code)).toEqual(['unavailable']);
  expect(coordinator.streams[0]?.closed?.error?.code).toBe('unavailable');
  expect(coordinator.streams[0]?.received.length).toBe(1);
});

test('delivers a result of the old stream again after a reconnect', async () => {
  const { clock, gateway, open, received } = setUp({ replayResult: 1 });
  const first = open();
  first.link.send(sampleHello());
  first.link.send({ type: 'result', result: sampleResult(1) });
  await clock.advance(1);
  gateway.cutAll();
  const second = open();
  second.link.send(sampleHello());
  await clock.advance(1);
  expect(received(1).map((message) => message.type)).toEqual(['hello', 'result']);
  expect(gateway.counts.replays).toBe(1);
});

test('lets nothing through a partition, breaks its streams when they notice, and refuses new ones', async () => {
  const { clock, gateway, open, received } = setUp({ noticeMs: 1_000 });
  const { ends, link } = open();
  link.send(sampleHello());
  await clock.advance(1);
  gateway.partition();
  link.send({ type: 'draining' });
  await clock.advance(999);
  expect([received().length, ends.length]).toEqual([1, 0]);
  const late = open();
  const exit = gateway.reportExit(credentials, { incarnation: 'lch_1' }).catch((thrown: unknown) => thrown);
  await clock.advance(1_001);
  expect(ends.map((error) => error?.code)).toEqual(['unavailable']);
  expect(late.ends.map((error) => error?.code)).toEqual(['unavailable']);
  expect(await exit).toBeInstanceOf(DomainError);
  gateway.heal();
  open().link.send(sampleHello());
  await clock.advance(1);
  expect(received(1).length).toBe(1);
});

test('delivers what a short partition held back', async () => {
  const { clock, gateway, open, received } = setUp({ noticeMs: 1_000 });
  const { ends, link } = open();
  link.send(sampleHello());
  gateway.partition();
  await clock.advance(500);
  expect(received()).toEqual([]);
  gateway.heal();
  await clock.advance(5_000);
  expect([received().length, ends.length]).toEqual([1, 0]);
});

test('loses the answer of some failed calls after they took effect', async () => {
  const { coordinator, gateway } = setUp({ failCall: 1 });
  for (let index = 0; index < 40; index++)
    await expect(gateway.reportExit(credentials, { incarnation: `lch_${index}` })).rejects.toThrow('cannot be reached');
  expect(coordinator.exits.length).toBeGreaterThan(5);
  expect(coordinator.exits.length).toBeLessThan(35);
  expect(gateway.counts.failedCalls).toBe(40);
});
