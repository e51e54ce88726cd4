import type { TaskResult } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import { sampleOffer, sampleResult } from '@skein/testkit';
import { expect, test } from 'vitest';
import { messageType } from '../worker-protocol.ts';
import { createClientCodec, createServerCodec, joinFrame } from './frame.ts';

const coordinatorMessage = messageType<object, object>('CoordinatorMessage');
const workerMessage = messageType<object, object>('WorkerMessage');

const toCoordinator = (message: WorkerMessage) =>
  createServerCodec().decode(joinFrame([createClientCodec().encode(message)]));
const toWorker = (message: CoordinatorMessage) =>
  createClientCodec().decode(joinFrame([createServerCodec().encode(message)]));

const playback = { digest: `sha256:${'a'.repeat(64)}`, bytes: 123 };

test('an offer names the record that its calls are answered from', () => {
  const offer = { ...sampleOffer(), playback };
  expect(toWorker({ type: 'offer', offer })).toMatchObject({ ok: true, value: [{ offer: { playback } }] });
});

test('an offer of a coordinator that knows no playbacks has none', () => {
  const decoded = toWorker({ type: 'offer', offer: sampleOffer() });
  const offer = (decoded as unknown as { readonly value: readonly { readonly offer: object }[] }).value[0]?.offer;
  expect(offer).not.toHaveProperty('playback');
});

test.each([
  ['no digest', { digest: '../etc', bytes: 1 }],
  ['no size', { digest: playback.digest, bytes: 0 }],
])('an offer whose playback has %s is refused', (_case, wrong) => {
  const bytes = createServerCodec().encode({ type: 'offer', offer: sampleOffer() });
  const { offer } = coordinatorMessage.deserialize(bytes) as { readonly offer: object };
  const hostile = coordinatorMessage.serialize({ offer: { ...offer, playback: wrong } });
  expect(createClientCodec().decode(joinFrame([hostile]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});

const usage = { turns: 1, toolCalls: 2, inputTokens: 3, outputTokens: 4, schemaRepairs: 0 };

test.each([
  [usage],
  [{ ...usage, toolErrors: 0 }],
  [{ ...usage, toolErrors: 2, divergedCalls: 0 }],
  [{ ...usage, toolErrors: 2, divergedCalls: 1 }],
])('what a result tells of its calls comes as it went, and nothing is made up: %j', (told) => {
  const result: TaskResult = { ...sampleResult(), usage: told };
  expect(toCoordinator({ type: 'result', result })).toEqual({ ok: true, value: [{ type: 'result', result }] });
});

const hello = {
  type: 'hello',
  protocol: { min: 1, max: 1 },
  worker: {
    workerId: 'wrk_1',
    incarnation: 'incarnation-1',
    labels: {},
    slots: 1,
    kinds: ['agent'],
    isolation: 'none',
    snapshotFormats: [1],
    version: '1',
    hostname: 'h',
    pid: 1,
  },
  held: [],
  running: [],
  unacknowledged: [],
} as const satisfies WorkerMessage;

test('a worker says what it can do; one that says nothing can do nothing more', () => {
  const able: WorkerMessage = { ...hello, worker: { ...hello.worker, features: ['playback', 'of-later'] } };
  expect(toCoordinator(able)).toEqual({ ok: true, value: [able] });
  expect(toCoordinator(hello)).toEqual({ ok: true, value: [hello] });
});

test('too many features are refused', () => {
  const many = Array.from({ length: 65 }, (_, index) => `f${index}`);
  const bytes = createClientCodec().encode({ ...hello, worker: { ...hello.worker, features: many } });
  expect(workerMessage.deserialize(bytes)).toBeDefined();
  expect(createServerCodec().decode(joinFrame([bytes]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});
