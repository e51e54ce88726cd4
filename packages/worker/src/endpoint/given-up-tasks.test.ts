import { DomainError } from '@skein/domain';
import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';
import { HeldTasks } from './held-tasks.ts';

const ref = (step: string, token: number) => ({ runId: 'run_1', step, attempt: 1, token });

const joinedWorld = async (slots: number) => {
  const world = createEndpointWorld({ slots });
  world.endpoint.start();
  await world.clock.settle();
  const accept = async (step: string, token: number) => {
    world.coordinator.offer(offerOf(step, token));
    await world.clock.settle();
    return world.runner.tasks.at(-1)!;
  };
  /** What the worker says it gave up, in the hello of another stream. */
  const gaveUp = async () => {
    const before = world.coordinator.streams.length;
    world.coordinator.stream.cut(new DomainError('unavailable', 'connection reset'));
    for (let tries = 0; tries < 50 && world.coordinator.streams.length === before; tries += 1)
      await world.clock.advance(500);
    return world.coordinator.stream.of('hello')[0]?.gaveUp;
  };
  return { ...world, accept, gaveUp };
};

test('a worker names in each hello what began and was taken from it, while it stops and when it has; not what never began or was answered', async () => {
  const world = await joinedWorld(4);
  expect(await world.gaveUp()).toEqual([]);
  for (const [step, token] of [
    ['began', 1],
    ['waits', 2],
    ['done', 3],
  ] as const) {
    const task = await world.accept(step, token);
    if (step !== 'waits') task.sink.started();
    if (step === 'done') task.finish();
  }
  await world.clock.settle();
  world.coordinator.stream.send({ type: 'revoke', task: ref('began', 1) });
  world.coordinator.stream.send({ type: 'revoke', task: ref('waits', 2) });
  await world.clock.settle();
  expect(await world.gaveUp()).toEqual([ref('began', 1)]);
  for (const task of world.runner.tasks) if (task.offer.step !== 'done') task.finish();
  await world.clock.settle();
  expect(await world.gaveUp()).toEqual([ref('began', 1)]);
});

test('a worker that gave up more than it can name says nothing of them', () => {
  const tasks = new HeldTasks();
  for (let token = 1; token <= 1_000; token += 1) tasks.giveUp(ref('a', token), true);
  expect(tasks.gaveUp().gaveUp).toHaveLength(1_000);
  tasks.giveUp(ref('a', 1_001), true);
  expect(tasks.gaveUp()).toEqual({});
  tasks.giveUp(ref('a', 1_002), true);
  expect(tasks.gaveUp()).toEqual({});
});
