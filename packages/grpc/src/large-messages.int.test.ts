import type { DomainError, JsonValue } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import {
  createMemoryLog,
  createNodeHasher,
  ScriptedCoordinator,
  sampleHello,
  sampleOffer,
  sampleResult,
  sampleStep,
  sampleTask,
  scriptedToken,
} from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import { serveGateway } from './serve-gateway.ts';

// What one message cannot carry fails its task; the stream, and all other tasks, go on.

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
const patience = { timeout: 8_000, interval: 5 };

let coordinator: ScriptedCoordinator;
let heard: CoordinatorMessage[];
let ends: (DomainError | undefined)[];
let send: (message: WorkerMessage) => void;
let cleanUp: () => Promise<void>;

beforeEach(async () => {
  coordinator = new ScriptedCoordinator(createNodeHasher());
  heard = [];
  ends = [];
  const served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log: createMemoryLog(), meter });
  const gateway = createGrpcGateway({ address: served.address });
  const link = gateway.openWorkerStream(
    { token: scriptedToken },
    { onMessage: (message) => heard.push(message), onClosed: (end) => ends.push(end) },
  );
  send = (message) => link.send(message);
  cleanUp = async () => {
    gateway.close();
    await served.close(0);
  };
  send(sampleHello());
  await expect.poll(() => received().length, patience).toBe(1);
});
afterEach(() => cleanUp());

const received = (): readonly WorkerMessage[] => coordinator.streams[0]?.received ?? [];
const nested = (levels: number): JsonValue => {
  let value: JsonValue = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
};

test('a result over the limit arrives as a failure of its task, and the next one as it is', async () => {
  const outputs = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`o${index}`, { inline: 'x'.repeat(30_000) }]),
  );
  send({ type: 'result', result: { ...sampleResult(1), outputs } });
  send({ type: 'result', result: sampleResult(2) });
  await expect.poll(() => received().length, patience).toBe(3);
  expect(received()[1]).toMatchObject({
    type: 'result',
    result: { ...sampleTask(1), outcome: { status: 'failed', error: { code: 'too_large' } }, outputs: {} },
  });
  expect(received()[2]).toEqual({ type: 'result', result: sampleResult(2) });
  expect(ends).toEqual([]);
});

test('a result that the coordinator cannot read is a failure of its task, not the end of its worker', async () => {
  const usage = { turns: -1, toolCalls: 0, inputTokens: 0, outputTokens: 0, schemaRepairs: 0 };
  send({ type: 'result', result: { ...sampleResult(1), usage } });
  send({ type: 'result', result: { ...sampleResult(2), outputs: { deep: { inline: nested(1_200) } } } });
  send({ type: 'result', result: { ...sampleResult(3), outputs: { deep: { inline: nested(990) } } } });
  await expect.poll(() => received().length, patience).toBe(4);
  const outcomes = received().flatMap((message) => (message.type === 'result' ? [message.result.outcome] : []));
  expect(outcomes).toMatchObject([
    { status: 'failed', error: { code: 'invalid_argument' } },
    { status: 'failed', error: { code: 'invalid_argument' } },
    sampleResult(3).outcome,
  ]);
  expect([ends, heard]).toEqual([[], []]);
});

test('an offer over the limit fails its task at the coordinator, and the worker never hears of it', async () => {
  const stream = coordinator.streams[0]!;
  const large = { ...sampleStep('large'), description: 'd'.repeat(1_100_000) };
  const small = sampleStep('small');
  stream.send({ type: 'offer', offer: { ...sampleOffer(1), definition: large } });
  stream.send({ type: 'offer', offer: { ...sampleOffer(2), definition: small } });
  await expect.poll(() => received().length, patience).toBe(2);
  expect(received()[1]).toMatchObject({
    type: 'result',
    result: { ...sampleTask(1), outcome: { status: 'failed', error: { code: 'too_large' } } },
  });
  await expect.poll(() => heard.length, patience).toBe(1);
  expect(heard[0]).toMatchObject({ offer: { definition: small } });

  // The worker has seen one offer; the coordinator sent two.
  send({ type: 'credits', free: 1, offersSeen: 1 });
  await expect.poll(() => received()[2], patience).toEqual({ type: 'credits', free: 1, offersSeen: 2 });
});

test('a step whose first offer was over the limit comes with its text when it is offered again', async () => {
  const stream = coordinator.streams[0]!;
  const definition = sampleStep('often');
  const huge = { ...sampleOffer(1), definition, refs: { 'params.a': { inline: 'x'.repeat(1_100_000) } } };
  stream.send({ type: 'offer', offer: huge });
  for (let index = 2; index < 5; index++) stream.send({ type: 'offer', offer: { ...sampleOffer(index), definition } });
  await expect.poll(() => heard.length, patience).toBe(3);
  for (const message of heard) expect(message).toMatchObject({ offer: { definition } });
  expect(ends).toEqual([]);
});
