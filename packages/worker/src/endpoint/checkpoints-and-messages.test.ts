import { type AgentMessage, type CheckpointEntry, DomainError, maxCheckpointEntryBytes } from '@skein/domain';
import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';

const lost = new DomainError('unavailable', 'connection reset');
const ref = (step: string, token: number) => ({ runId: 'run_1', step, attempt: 1, token });

const turn = (number: number, padding = 0): CheckpointEntry => ({
  type: 'turn',
  thread: '',
  turn: number,
  delta: { inline: 'x'.repeat(padding) },
  finishReason: 'stop',
  calls: [],
  usage: { inputTokens: 1, outputTokens: 1 },
});
const restart: CheckpointEntry = { type: 'restart', reason: 'the tree was lost' };
const message = (number: number): AgentMessage => ({
  messageId: `msg_${number}`,
  number,
  sender: 'ada',
  mode: 'next_turn',
  text: `message ${number}`,
  at: 1,
});

type World = ReturnType<typeof createEndpointWorld>;

/** A joined worker that runs step `a` under token 1. */
const setUp = async () => {
  const world = createEndpointWorld();
  world.endpoint.start();
  await world.clock.settle();
  return { ...world, task: await accept(world, 'a', 1) };
};

const accept = async (world: World, step: string, token: number) => {
  world.coordinator.offer(offerOf(step, token));
  await world.clock.settle();
  const task = world.runner.tasks.at(-1);
  if (task === undefined) throw new Error('the offer was not accepted');
  return task;
};

const reconnect = async (world: World): Promise<void> => {
  const before = world.coordinator.streams.length;
  world.coordinator.stream.cut(lost);
  await world.clock.advanceUntil(() => world.coordinator.streams.length > before, 3_000);
  await world.clock.settle();
};

const indexes = (world: World) => world.coordinator.stream.of('checkpoint').map(({ index }) => index);

/** Follows a promise: `pending`, `kept`, or the code of its error. */
const follow = (promise: Promise<unknown>) => {
  const seen = { state: 'pending' };
  promise.then(
    () => (seen.state = 'kept'),
    (error: unknown) => (seen.state = error instanceof DomainError ? error.code : 'unknown'),
  );
  return seen;
};

const answer = async (world: World, count: number): Promise<void> => {
  world.coordinator.stream.send({ type: 'checkpoint_recorded', task: ref('a', 1), count });
  await world.clock.settle();
};

test('a checkpoint counts as durable when the coordinator says so, and not before', async () => {
  const world = await setUp();
  const first = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  const second = follow(world.task.transfers.checkpoint(1, [turn(2), turn(3)]));
  await world.clock.settle();
  expect([indexes(world), first.state, second.state]).toEqual([[0, 1], 'pending', 'pending']);
  await answer(world, 1);
  expect([first.state, second.state]).toEqual(['kept', 'pending']);
  await answer(world, 2); // half of it
  expect(second.state).toBe('pending');
  await answer(world, 3);
  expect(second.state).toBe('kept');
});

test('what was not answered is sent again, in order, when a coordinator keeps the task after a reconnect [crash 21]', async () => {
  const world = await setUp();
  const states = [0, 1, 2].map((index) => follow(world.task.transfers.checkpoint(index, [turn(index + 1)])));
  await world.clock.settle();
  await answer(world, 1);
  await reconnect(world);
  expect(indexes(world)).toEqual([1, 2]);
  await answer(world, 3);
  expect(states.map(({ state }) => state)).toEqual(['kept', 'kept', 'kept']);
});

test('a checkpoint that is made while there is no coordinator waits for one', async () => {
  const world = await setUp();
  world.coordinator.manners.welcomes = false;
  await reconnect(world);
  const state = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  await world.clock.settle();
  expect([indexes(world), state.state]).toEqual([[], 'pending']);
  world.coordinator.manners.welcomes = true;
  await reconnect(world);
  expect(indexes(world)).toEqual([0]);
  await answer(world, 1);
  expect(state.state).toBe('kept');
});

test('checkpoints of a task that the next coordinator does not keep never leave, and their maker is told', async () => {
  const world = await setUp();
  const state = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  world.coordinator.manners.keeps = () => false;
  await reconnect(world);
  expect([indexes(world), state.state]).toEqual([[], 'stale_fencing_token']);
  expect(follow(world.task.transfers.checkpoint(1, [turn(2)]))).toBeDefined();
  await world.clock.advance(10_000);
  expect(indexes(world)).toEqual([]);
});

test('a revoked task makes no further checkpoint', async () => {
  const world = await setUp();
  const before = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  await world.clock.settle();
  world.coordinator.stream.send({ type: 'revoke', task: ref('a', 1) });
  await world.clock.settle();
  const after = follow(world.task.transfers.checkpoint(1, [turn(2)]));
  await world.clock.settle();
  expect([before.state, after.state]).toEqual(['stale_fencing_token', 'stale_fencing_token']);
  expect(indexes(world)).toEqual([0]);
});

test('a worker that slept past its lease sends no checkpoint and no message, even before its timer comes [crash 16]', async () => {
  const world = await setUp();
  world.runner.endsWhenAborted = false;
  const wake = world.clock.monotonicMs() + 60_000;
  world.clock.monotonicMs = () => wake;
  const state = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  world.task.transfers.presented([1], 1);
  world.task.sink.log(new TextEncoder().encode('late'));
  await world.clock.settle();
  expect(state.state).toBe('stale_fencing_token');
  expect(world.task.signal.reason).toMatchObject({ code: 'stale_fencing_token' });
  expect(world.coordinator.streams.flatMap((stream) => stream.of('checkpoint'))).toEqual([]);
  expect(world.coordinator.streams.flatMap((stream) => stream.of('messages_presented'))).toEqual([]);
  expect(world.coordinator.streams.flatMap((stream) => stream.of('log'))).toEqual([]);
});

test('a cancelled task is not kept waiting for its checkpoint', async () => {
  const world = await setUp();
  world.runner.endsWhenAborted = false;
  const state = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  await world.clock.settle();
  world.coordinator.stream.send({ type: 'cancel', task: ref('a', 1), reason: 'enough' });
  await world.clock.settle();
  expect(state.state).toBe('cancelled');
});

test.each([0, 6])(
  'a restart that is answered with %i is alone on the way, and what follows counts from 0',
  async (count) => {
    const world = await setUp();
    const all = follow(world.task.transfers.checkpoint(5, [restart, turn(1)]));
    await world.clock.settle();
    expect(indexes(world)).toEqual([5]);
    await answer(world, 5); // an answer to something before it
    expect(indexes(world)).toEqual([5]);
    await world.clock.advance(10_000);
    expect(indexes(world)).toEqual([5]); // not twice on one stream
    await answer(world, count);
    expect(indexes(world)).toEqual([5, 0]);
    await answer(world, 1);
    expect(all.state).toBe('kept');
  },
);

test('a restart waits until what was before it is answered', async () => {
  const world = await setUp();
  follow(world.task.transfers.checkpoint(2, [turn(3)]));
  follow(world.task.transfers.checkpoint(3, [restart]));
  await world.clock.settle();
  expect(indexes(world)).toEqual([2]);
  await answer(world, 3);
  expect(indexes(world)).toEqual([2, 3]);
});

test('entries are split into messages that fit a frame, and too many do not go at once', async () => {
  const world = await setUp();
  const entries = Array.from({ length: 100 }, (_, index) => turn(index + 1, 50_000));
  const state = follow(world.task.transfers.checkpoint(0, entries));
  await world.clock.settle();
  const sent = world.coordinator.stream.of('checkpoint');
  for (const { entries: some } of sent) expect(JSON.stringify(some).length).toBeLessThan(600_000);
  expect(sent.flatMap(({ entries: some }) => some).length).toBeLessThan(100);
  for (let count = 10; count <= 100; count += 10) await answer(world, count);
  expect(state.state).toBe('kept');
  expect(world.coordinator.stream.of('checkpoint').flatMap(({ entries: some }) => some)).toEqual(entries);
});

test('a live coordinator that does not answer is asked again', async () => {
  const world = await setUp();
  const state = follow(world.task.transfers.checkpoint(0, [turn(1)]));
  await world.clock.advance(3_000);
  expect(indexes(world)).toEqual([0]);
  await world.clock.advance(4_000);
  expect(indexes(world)).toEqual([0, 0]);
  await answer(world, 1);
  expect(state.state).toBe('kept');
});

test('a result waits until the checkpoints of its task are durable, also over a reconnect [crash 15]', async () => {
  const world = await setUp();
  follow(world.task.transfers.checkpoint(0, [turn(1)]));
  world.task.finish();
  await world.clock.settle();
  expect(world.coordinator.results).toEqual([]);
  await reconnect(world);
  expect(world.coordinator.stream.of('hello')[0]?.running).toMatchObject([ref('a', 1)]); // it is not over before they are
  expect([indexes(world), world.coordinator.results]).toEqual([[0], []]);
  await answer(world, 1);
  expect(world.coordinator.results).toHaveLength(1);
  expect(world.endpoint.state().unacknowledged).toBe(0);
});

test('a task that ended is given up with its checkpoints when no coordinator keeps it, and frees its slot', async () => {
  const world = await setUp();
  follow(world.task.transfers.checkpoint(0, [turn(1)]));
  world.task.finish();
  await world.clock.settle();
  world.coordinator.manners.keeps = () => false;
  await reconnect(world);
  expect([world.coordinator.results, world.endpoint.state().running, indexes(world)]).toEqual([[], 0, []]);
});

test('a repeated offer does not bring a result before its log [crash 12]', async () => {
  const world = await setUp();
  world.coordinator.manners.answersHeartbeats = false;
  world.task.sink.log(new Uint8Array(3 * 1024 * 1024)); // more than goes without proof of arrival
  world.task.finish();
  await world.clock.settle();
  world.coordinator.offer(offerOf('a', 1));
  await world.clock.settle();
  expect(world.coordinator.results).toEqual([]);
  expect(world.runner.tasks).toHaveLength(1);
  world.coordinator.manners.answersHeartbeats = true;
  await world.clock.advance(6_000);
  const received = world.coordinator.streams.flatMap((stream) => stream.received);
  const bytes = received.flatMap((each) => (each.type === 'log' ? [each.bytes.length] : [])).reduce((a, b) => a + b, 0);
  expect(bytes).toBeGreaterThanOrEqual(3 * 1024 * 1024);
  expect(received.findIndex(({ type }) => type === 'result')).toBeGreaterThan(
    received.findLastIndex(({ type }) => type === 'log'),
  );
});

test('an offer that was lost with the stream is taken when it comes again, and runs once [crash 11]', async () => {
  const world = await setUp();
  world.coordinator.offer(offerOf('b', 2));
  world.coordinator.stream.cut(lost); // before the offer arrives
  await world.clock.advanceUntil(() => world.coordinator.streams.length === 2, 3_000);
  await world.clock.settle();
  expect(world.coordinator.stream.of('hello')[0]?.running.map(({ step }) => step)).toEqual(['a']);
  world.coordinator.offer(offerOf('b', 3));
  world.coordinator.offer(offerOf('b', 3));
  await world.clock.settle();
  expect(world.runner.tasks.map(({ offer }) => `${offer.step}#${offer.token}`)).toEqual(['a#1', 'b#3']);
});

test('an offer that was taken but whose `received` was lost runs once [crash 12]', async () => {
  const world = await setUp();
  await reconnect(world);
  world.coordinator.offer(offerOf('a', 1));
  await world.clock.settle();
  expect(world.runner.tasks).toHaveLength(1);
  expect(world.coordinator.stream.of('received')).toEqual([{ type: 'received', task: ref('a', 1) }]);
});

test('messages reach the agent once and in order, those that came before it listened too', async () => {
  const world = await setUp();
  const heard: number[] = [];
  world.coordinator.stream.send({ type: 'message', task: ref('a', 1), message: message(1) });
  await world.clock.settle();
  const stop = world.task.transfers.onMessage(({ number }) => heard.push(number));
  world.coordinator.stream.send({ type: 'message', task: ref('a', 1), message: message(2) });
  await reconnect(world);
  for (const number of [1, 2, 3])
    world.coordinator.stream.send({ type: 'message', task: ref('a', 1), message: message(number) });
  await world.clock.settle();
  stop();
  world.coordinator.stream.send({ type: 'message', task: ref('a', 1), message: message(4) });
  await world.clock.settle();
  expect(heard).toEqual([1, 2, 3]);
  expect(world.coordinator.stream.of('messages_received').flatMap(({ numbers }) => numbers)).toEqual([1, 2, 3, 4]);
});

test('a message for a task that is not held is taken by nobody', async () => {
  const world = await setUp();
  world.coordinator.stream.send({ type: 'message', task: ref('a', 2), message: message(1) });
  world.coordinator.stream.send({ type: 'revoke', task: ref('a', 1) });
  world.coordinator.stream.send({ type: 'message', task: ref('a', 1), message: message(1) });
  await world.clock.settle();
  expect(world.coordinator.stream.of('messages_received')).toEqual([]);
});

test('says which messages were in a request to the model', async () => {
  const world = await setUp();
  world.task.transfers.presented([1, 2], 3);
  await world.clock.settle();
  expect(world.coordinator.stream.of('messages_presented')).toEqual([
    { type: 'messages_presented', task: ref('a', 1), numbers: [1, 2], turn: 3 },
  ]);
});

test('an entry that no coordinator takes is refused here, and never ends the stream of the other tasks', async () => {
  const world = await setUp();
  const tooLarge = follow(world.task.transfers.checkpoint(0, [turn(1), turn(2, maxCheckpointEntryBytes)]));
  const largest = maxCheckpointEntryBytes - JSON.stringify(turn(1)).length;
  const fits = follow(world.task.transfers.checkpoint(0, [turn(1, largest)]));
  await world.clock.settle();
  expect(tooLarge.state).toBe('too_large');
  expect(world.coordinator.stream.of('checkpoint').map(({ entries }) => entries)).toEqual([[turn(1, largest)]]);
  await answer(world, 1);
  expect(fits.state).toBe('kept');
});
