import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';

test('names no more digests in one message than it can carry, the newest first', async () => {
  const digests = Array.from({ length: 5_000 }, (_, index) => `sha256:${index}`);
  const world = createEndpointWorld();
  world.runner.held = () => digests;
  world.endpoint.start();
  await world.clock.settle();
  const [hello] = world.coordinator.stream.of('hello');
  expect([hello?.held.length, hello?.held[0]]).toEqual([2_048, 'sha256:4999']);
  world.runner.evict(digests);
  await world.clock.settle();
  const evicted = world.coordinator.stream.of('evicted').map((message) => message.digests);
  expect(evicted.map((named) => named.length)).toEqual([2_048, 2_048, 904]);
  expect(evicted.flat()).toEqual(digests);
});

test('takes nothing new while too many results wait, and goes on when they are acknowledged', async () => {
  const world = createEndpointWorld({ slots: 1 });
  world.endpoint.start();
  await world.clock.settle();
  world.coordinator.manners.acknowledges = false;
  for (let token = 1; token <= 2_048; token += 1) {
    world.coordinator.offer(offerOf(`s${token}`, token));
    await world.clock.settle();
    world.runner.tasks.at(-1)?.finish();
    await world.clock.settle();
  }
  expect(world.coordinator.stream.of('credits').at(-1)?.free).toBe(0);
  world.coordinator.acknowledge(world.coordinator.stream, { runId: 'run_1', step: 's1', attempt: 1, token: 1 });
  await world.clock.settle();
  expect(world.coordinator.stream.of('credits').at(-1)?.free).toBe(1);
});

test('counts the offers of each stream from zero', async () => {
  const world = createEndpointWorld();
  world.endpoint.start();
  await world.clock.settle();
  world.coordinator.offer(offerOf('a', 1));
  await world.clock.settle();
  expect(world.coordinator.stream.of('credits').at(-1)).toMatchObject({ offersSeen: 1 });
  world.coordinator.stream.cut();
  await world.clock.advance(1_000);
  expect(world.coordinator.stream.of('credits')[0]).toMatchObject({ free: 1, offersSeen: 0 });
});
