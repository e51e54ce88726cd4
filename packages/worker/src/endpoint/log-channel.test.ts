import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';

const worldWithTask = async (options: Parameters<typeof createEndpointWorld>[0] = {}) => {
  const world = createEndpointWorld(options);
  world.endpoint.start();
  await world.clock.settle();
  world.coordinator.offer(offerOf('a', 1));
  await world.clock.settle();
  const task = world.runner.tasks[0];
  if (task === undefined) throw new Error('the offer was not accepted');
  const logged = () =>
    Buffer.concat(world.coordinator.streams.flatMap((stream) => stream.of('log').map(({ bytes }) => bytes)));
  return { ...world, task, logged };
};

test('gathers small writes for 50 ms into one message', async () => {
  const { clock, coordinator, task, logged } = await worldWithTask();
  for (const text of ['a', 'b', 'c']) task.sink.log(Buffer.from(text));
  await clock.advance(49);
  expect(coordinator.stream.of('log')).toHaveLength(0);
  await clock.advance(1);
  expect(coordinator.stream.of('log')).toHaveLength(1);
  expect(logged().toString()).toBe('abc');
});

test('a log ends at its cap with one marker', async () => {
  const { clock, task, logged } = await worldWithTask({ tuning: { maxLogBytesPerAttempt: 1_000 } });
  for (let count = 0; count < 5; count += 1) task.sink.log(Buffer.alloc(400, 'x'));
  await clock.advance(100);
  expect(logged().subarray(0, 1_000).toString()).toBe('x'.repeat(1_000));
  expect(logged().subarray(1_000).toString()).toBe('\n[skein] the log ends here: it reached 1000 bytes\n');
});

test('never has more on the stream than the window, and comes through in order', async () => {
  const { clock, coordinator, task, logged } = await worldWithTask({ tuning: { logWindowBytes: 100_000 } });
  coordinator.manners.answersHeartbeats = false;
  const text = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `${index}\n`).join(''));
  task.sink.log(text);
  await clock.settle();
  expect(logged().length).toBe(100_000);
  task.finish();
  await clock.settle();
  expect(coordinator.results).toHaveLength(0);
  coordinator.manners.answersHeartbeats = true;
  coordinator.stream.send({ type: 'heartbeat_answer', sentAtMs: clock.monotonicMs() });
  await clock.settle();
  expect(logged().equals(text)).toBe(true);
  expect(coordinator.stream.received.map(({ type }) => type).lastIndexOf('log')).toBeLessThan(
    coordinator.stream.received.findIndex(({ type }) => type === 'result'),
  );
});

test('a result does not wait for ever for a log that nobody takes', async () => {
  const { clock, coordinator, task, logged } = await worldWithTask({
    tuning: { logWindowBytes: 1_000, logDrainMs: 1_000 },
  });
  coordinator.manners.answersHeartbeats = false;
  task.sink.log(Buffer.alloc(5_000, 'x'));
  task.finish();
  await clock.advance(1_000);
  expect(logged().toString()).toContain('4000 bytes of the log were given up');
  expect(coordinator.results).toHaveLength(1);
});
