import { DomainError } from '@skein/domain';
import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';

const lost = new DomainError('unavailable', 'connection reset');
const joinedWorld = async (options: Parameters<typeof createEndpointWorld>[0] = {}) => {
  const world = createEndpointWorld(options);
  world.endpoint.start();
  await world.clock.settle();
  expect(world.endpoint.state().joined).toBe(true);
  return world;
};
type World = Awaited<ReturnType<typeof joinedWorld>>;

const accept = async (world: World, step: string, token: number) => {
  world.coordinator.offer(offerOf(step, token));
  await world.clock.settle();
  const task = world.runner.tasks.at(-1);
  if (task?.offer.step !== step) throw new Error('the offer was not accepted');
  return task;
};
const ref = (step: string, token: number) => ({ runId: 'run_1', step, attempt: 1, token });
const statuses = (world: World) =>
  world.coordinator.results.map((result) => `${result.step}#${result.token} ${result.outcome.status}`);

test('says hello with what it holds, and asks for as much as it has slots', async () => {
  const { coordinator } = await joinedWorld();
  expect(coordinator.stream.received).toEqual([
    expect.objectContaining({
      type: 'hello',
      held: ['sha256:held'],
      running: [],
      unacknowledged: [],
      protocol: { min: 1, max: 1 },
    }),
    { type: 'credits', free: 2, offersSeen: 0 },
  ]);
});

test('an offer is received, started, logged, reported and forgotten when it is acknowledged', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 3);
  task.sink.started();
  task.sink.log(new TextEncoder().encode('hello'));
  task.finish();
  await world.clock.settle();
  const types = world.coordinator.stream.received.slice(2).map((message) => message.type);
  expect(types).toEqual(['received', 'credits', 'started', 'log', 'result', 'credits']);
  expect(world.coordinator.stream.of('credits').at(-1)).toEqual({ type: 'credits', free: 2, offersSeen: 1 });
  expect(world.endpoint.state()).toMatchObject({ running: 0, unacknowledged: 0 });
});

test('one lease runs once, however often it is offered', async () => {
  const world = await joinedWorld();
  world.coordinator.manners.acknowledges = false;
  const task = await accept(world, 'a', 3);
  task.sink.started();
  world.coordinator.offer(offerOf('a', 3));
  await world.clock.settle();
  expect(world.coordinator.stream.of('received')).toHaveLength(2);
  task.finish();
  await world.clock.settle();
  world.coordinator.offer(offerOf('a', 3));
  await world.clock.settle();
  expect(statuses(world)).toEqual(['a#3 succeeded', 'a#3 succeeded']);
  world.coordinator.acknowledge(world.coordinator.stream, ref('a', 3));
  await world.clock.settle();
  world.coordinator.offer(offerOf('a', 3));
  await world.clock.settle();
  expect(world.runner.tasks).toHaveLength(1);
  expect(world.coordinator.results).toHaveLength(2);
});

test('an offer over its slots is handed back', async () => {
  const world = await joinedWorld({ slots: 1 });
  await accept(world, 'a', 1);
  world.coordinator.offer(offerOf('b', 2));
  await world.clock.settle();
  expect(statuses(world)).toEqual(['b#2 released']);
  expect(world.runner.tasks).toHaveLength(1);
});

test('sends a result again that a live coordinator leaves without an answer', async () => {
  const world = await joinedWorld();
  world.coordinator.manners.acknowledges = false;
  const task = await accept(world, 'a', 1);
  task.finish();
  await world.clock.settle();
  world.coordinator.manners.acknowledges = true;
  await world.clock.advance(4_999);
  expect(statuses(world)).toEqual(['a#1 succeeded']);
  await world.clock.advance(1_501);
  expect(statuses(world)).toEqual(['a#1 succeeded', 'a#1 succeeded']);
  expect(world.endpoint.state().unacknowledged).toBe(0);
});

test('a task that the executors may not go on with has no result: the next hello says that it was given up', async () => {
  const world = await joinedWorld();
  const kept = await accept(world, 'a', 1);
  kept.sink.started();
  const task = await accept(world, 'b', 2);
  task.sink.started();
  task.finish({ status: 'failed', error: { code: 'stale_fencing_token', message: 'the lease may be over' } });
  await world.clock.advanceUntil(() => world.coordinator.streams.length === 2, 3_000);
  await world.clock.settle();
  expect(world.coordinator.stream.of('hello')[0]).toMatchObject({
    running: [{ ...ref('a', 1), started: true }],
    unacknowledged: [],
    gaveUp: [ref('b', 2)],
  });
  expect([world.coordinator.results, kept.signal.aborted]).toEqual([[], false]);
  expect(world.endpoint.state()).toMatchObject({ joined: true, running: 1 });
});

test('a newer lease of the same step ends the older one in silence', async () => {
  const world = await joinedWorld();
  const older = await accept(world, 'a', 1);
  older.sink.started();
  const newer = await accept(world, 'a', 2);
  newer.finish();
  await world.clock.settle();
  expect(older.signal.reason).toMatchObject({ code: 'stale_fencing_token' });
  expect(statuses(world)).toEqual(['a#2 succeeded']);
});

test('an older lease of a step that runs under a newer one changes nothing', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 5);
  world.coordinator.offer(offerOf('a', 3));
  await world.clock.settle();
  expect([world.runner.tasks.length, task.signal.aborted]).toEqual([1, false]);
});

test('beats at the period of the welcome, also while tasks run', async () => {
  const world = await joinedWorld();
  await accept(world, 'a', 1);
  await world.clock.advance(15_000);
  const beats = world.coordinator.stream.of('heartbeat');
  expect(beats.map((beat) => beat.sentAtMs)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((count) => count * 1_500));
  expect(beats.at(-1)?.running).toBe(1);
  expect(world.coordinator.streams).toHaveLength(1);
});

test('keeps its tasks over a lost stream and reports what ended meanwhile [crash 15]', async () => {
  const world = await joinedWorld();
  const first = await accept(world, 'a', 1);
  first.sink.started();
  const second = await accept(world, 'b', 2);
  world.coordinator.stream.cut(lost);
  await world.clock.settle();
  second.finish();
  await world.clock.advanceUntil(() => world.endpoint.state().joined, 3_000);
  await world.clock.settle();
  expect(world.coordinator.stream.of('hello')[0]).toMatchObject({
    running: [{ ...ref('a', 1), started: true }],
    unacknowledged: [ref('b', 2)],
  });
  expect(statuses(world)).toEqual(['b#2 succeeded']);
  expect(first.signal.aborted).toBe(false);
  first.finish();
  await world.clock.settle();
  expect(statuses(world)).toEqual(['b#2 succeeded', 'a#1 succeeded']);
});

test('a task that the next coordinator does not keep stops and reports nothing', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  world.coordinator.manners.keeps = () => false;
  world.coordinator.stream.cut(lost);
  await world.clock.advanceUntil(() => world.coordinator.streams.length === 2, 3_000);
  await world.clock.settle();
  expect(task.signal.reason).toMatchObject({ code: 'stale_fencing_token' });
  expect(world.coordinator.results).toEqual([]);
});

test('fences itself one margin before the lease that its last answered heartbeat bought', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  await world.clock.advance(3_000);
  world.coordinator.stream.send({ type: 'heartbeat_answer', sentAtMs: 1 }); // out of date: changes nothing
  await world.clock.settle();
  world.coordinator.manners.welcomes = false;
  world.coordinator.stream.cut(lost);
  await world.clock.advance(4_499);
  expect(task.signal.aborted).toBe(false);
  await world.clock.advance(1);
  expect(task.signal.reason).toMatchObject({ code: 'stale_fencing_token' });
  world.coordinator.manners.welcomes = true;
  await world.clock.advance(20_000);
  expect(world.coordinator.stream.of('hello')[0]).toMatchObject({ running: [], unacknowledged: [] });
  expect(world.coordinator.results).toEqual([]);
  expect(world.counts.get('skein_worker_self_fenced_total')).toBe(1);
});

test('an unanswered heartbeat buys no time', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  world.coordinator.manners.answersHeartbeats = false;
  world.coordinator.manners.welcomes = false;
  await world.clock.advance(4_499);
  expect(task.signal.aborted).toBe(false);
  await world.clock.advance(1);
  expect(task.signal.aborted).toBe(true);
});

test('a process that slept past its lease reports nothing of it, even before its timer comes', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  world.coordinator.manners.answersHeartbeats = false;
  const wake = world.clock.monotonicMs() + 60_000;
  world.clock.monotonicMs = () => wake;
  task.finish();
  await world.clock.settle();
  expect(world.coordinator.results).toEqual([]);
});

test('the late end of an earlier stream does not disturb the present one', async () => {
  const world = await joinedWorld();
  const earlier = world.coordinator.stream;
  earlier.cut(lost);
  await world.clock.advanceUntil(() => world.endpoint.state().joined, 3_000);
  earlier.closeLate();
  await world.clock.advance(3_000);
  expect(world.coordinator.streams).toHaveLength(2);
  expect(world.endpoint.state().joined).toBe(true);
});

test('a forgotten task that is slow to end holds its slot, but is not said to run', async () => {
  const world = await joinedWorld();
  world.runner.endsWhenAborted = false;
  const task = await accept(world, 'a', 1);
  world.coordinator.stream.send({ type: 'revoke', task: ref('a', 1) });
  await world.clock.settle();
  world.coordinator.stream.cut(lost);
  await world.clock.advance(3_000);
  expect(world.endpoint.state()).toMatchObject({ joined: true, running: 1 });
  expect(world.coordinator.stream.of('hello')[0]?.running).toEqual([]);
  expect(world.coordinator.stream.of('credits').at(-1)?.free).toBe(1);
  task.finish();
});

test('gives a silent stream up and joins anew with its tasks', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  await world.clock.advance(1_500);
  world.coordinator.manners.answersHeartbeats = false;
  await world.clock.advanceUntil(() => world.coordinator.streams.length === 2, 5_900);
  world.coordinator.manners.answersHeartbeats = true;
  await world.clock.advance(10_000);
  expect(task.signal.aborted).toBe(false);
  expect(world.coordinator.stream.of('hello')[0]?.running).toHaveLength(1);
});

test('comes back with growing, jittered delays while the coordinator is away', async () => {
  const world = createEndpointWorld();
  world.coordinator.manners.refusal = { code: 'unavailable', message: 'starting' };
  world.endpoint.start();
  await world.clock.advance(60_000);
  const attempts = world.coordinator.streams.length;
  expect(attempts).toBeGreaterThan(10);
  expect(attempts).toBeLessThan(150);
  delete world.coordinator.manners.refusal;
  await world.clock.advance(5_000);
  expect(world.endpoint.state().joined).toBe(true);
});

test.each([
  ['unauthenticated', 'the join token is not valid'],
  ['unimplemented', 'protocol versions 7 to 8 are needed'],
] as const)('ends with the typed error when it is refused as %s', async (code, message) => {
  const world = createEndpointWorld();
  world.coordinator.manners.refusal = { code, message };
  world.endpoint.start();
  await world.clock.settle();
  expect(await world.endpoint.ended).toMatchObject({ reason: 'refused', error: { code, message } });
  expect(world.coordinator.streams).toHaveLength(1);
  expect(world.runner.closed).toBe(true);
});

test('a cancelled task is aborted with the reason and reported', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  task.sink.started();
  world.coordinator.stream.send({ type: 'cancel', task: ref('a', 1), reason: 'asked for' });
  await world.clock.settle();
  expect(task.signal.reason).toMatchObject({ code: 'cancelled', message: 'asked for' });
  expect(statuses(world)).toEqual(['a#1 cancelled']);
});

test('a revoked task is aborted and not reported, running or ended', async () => {
  const world = await joinedWorld();
  world.coordinator.manners.acknowledges = false;
  const running = await accept(world, 'a', 1);
  const ended = await accept(world, 'b', 2);
  ended.finish();
  await world.clock.settle();
  world.coordinator.stream.send({ type: 'revoke', task: ref('a', 1) });
  world.coordinator.stream.send({ type: 'revoke', task: ref('b', 2) });
  await world.clock.settle();
  expect(running.signal.aborted).toBe(true);
  expect(statuses(world)).toEqual(['b#2 succeeded']);
  expect(world.endpoint.state()).toMatchObject({ running: 0, unacknowledged: 0 });
});

test('draining finishes what runs, hands back what did not start, refuses the rest and says goodbye', async () => {
  const world = await joinedWorld({ slots: 3 });
  const running = await accept(world, 'a', 1);
  running.sink.started();
  const waiting = await accept(world, 'b', 2);
  const drained = world.endpoint.drain('test');
  world.coordinator.offer(offerOf('c', 3));
  await world.clock.settle();
  expect(waiting.handBack?.reason).toMatchObject({ code: 'unavailable' });
  expect(waiting.signal.aborted).toBe(false);
  expect(statuses(world).toSorted()).toEqual(['b#2 released', 'c#3 released']);
  expect(world.coordinator.stream.of('credits').at(-1)?.free).toBe(0);
  running.finish();
  await world.clock.settle();
  await drained;
  await world.clock.settle();
  expect(statuses(world).at(-1)).toBe('a#1 succeeded');
  expect(world.coordinator.stream.received.at(-1)).toEqual({ type: 'goodbye' });
  expect(await world.endpoint.ended).toEqual({ reason: 'drained' });
  expect(world.clock.pending).toBe(0);
});

test('a task that was asked back while its code began goes on to its end, and its result is reported', async () => {
  const world = await joinedWorld();
  world.runner.endsWhenAborted = false;
  const task = await accept(world, 'a', 1);
  void world.endpoint.drain('test');
  await world.clock.settle();
  task.sink.started();
  await world.clock.settle();
  expect([task.signal.aborted, world.endpoint.state().draining]).toEqual([false, true]);
  task.finish();
  await world.clock.settle();
  expect(await world.endpoint.ended).toEqual({ reason: 'drained' });
  expect(statuses(world)).toEqual(['a#1 succeeded']);
});

test('a drain ends at its deadline and reports nothing of what it had to abort', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  task.sink.started();
  const drained = world.endpoint.drain('test');
  await world.clock.advance(25_000);
  await drained;
  await world.clock.settle();
  expect(task.signal.aborted).toBe(true);
  expect(world.coordinator.results).toEqual([]);
});

test('a draining worker that lost its coordinator comes back to deliver its results', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  task.sink.started();
  void world.endpoint.drain('test');
  world.coordinator.stream.cut(lost);
  await world.clock.settle();
  task.finish();
  await world.clock.advance(2_000);
  expect(statuses(world)).toEqual(['a#1 succeeded']);
  expect(world.coordinator.stream.of('draining')).toHaveLength(1);
  expect(await world.endpoint.ended).toEqual({ reason: 'drained' });
});

test('drains when the coordinator asks for it', async () => {
  const world = await joinedWorld();
  world.coordinator.stream.send({ type: 'drain' });
  await world.clock.settle();
  expect(await world.endpoint.ended).toEqual({ reason: 'drained' });
});

test('stopping aborts everything and reports nothing', async () => {
  const world = await joinedWorld();
  const task = await accept(world, 'a', 1);
  task.sink.started();
  void world.endpoint.stop();
  await world.clock.settle();
  expect(task.signal.aborted).toBe(true);
  expect(world.coordinator.results).toEqual([]);
  expect(await world.endpoint.ended).toEqual({ reason: 'stopped' });
});

test('tells the coordinator what left its cache', async () => {
  const world = await joinedWorld();
  world.runner.evict(['sha256:old']);
  await world.clock.settle();
  expect(world.coordinator.stream.received.at(-1)).toEqual({ type: 'evicted', digests: ['sha256:old'] });
});
