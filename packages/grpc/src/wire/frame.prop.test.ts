import type { JsonValue, StepPath, TaskOffer, TaskRef, ValueRef } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import { sampleOffer, sampleStep } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClientCodec, createServerCodec, joinFrame } from './frame.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/);
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const digest = fc.stringMatching(/^sha256:[0-9a-f]{64}$/);
const task: fc.Arbitrary<TaskRef> = fc.record({
  runId: name,
  step: fc.oneof(
    name,
    fc.tuple(name, fc.nat(9999)).map(([id, index]) => `${id}[${index}]`),
  ) as fc.Arbitrary<StepPath>,
  attempt: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  token: fc.maxSafeNat(),
});
const valueRef: fc.Arbitrary<ValueRef> = fc.oneof(
  json.map((inline) => ({ inline })),
  fc.record({ digest, bytes: fc.maxSafeNat() }),
);
const valueRefs = fc.dictionary(name, valueRef, { maxKeys: 4, noNullPrototype: true });

const offer: fc.Arbitrary<TaskOffer> = fc
  .record({ task, refs: valueRefs, upstreamEnv: valueRefs, step: name, prompt: text, index: fc.nat(), value: valueRef })
  .map(({ task: ref, refs, upstreamEnv, step, prompt, index, value }) => ({
    ...sampleOffer(),
    ...ref,
    refs,
    upstreamEnv,
    item: { index, value },
    definition: { ...sampleStep(step), action: { kind: 'shell', commands: [prompt] } },
    run: { id: ref.runId, createdAt: step, params: { prompt } },
  }));

const workerMessage: fc.Arbitrary<WorkerMessage> = fc.oneof(
  fc.record({ type: fc.constant('credits' as const), free: count, offersSeen: fc.maxSafeNat() }),
  fc.record({ type: fc.constantFrom('received' as const, 'started' as const), task }),
  fc.record({ type: fc.constant('evicted' as const), digests: fc.array(digest, { maxLength: 4 }) }),
  fc.record({
    type: fc.constant('heartbeat' as const),
    sentAtMs: fc.double({ min: 0, max: 1e15, noNaN: true }).map(Math.abs),
    running: count,
  }),
  fc
    .record({ task, message: text, details: json, outputs: valueRefs, stdout: valueRef, exitCode: fc.integer() })
    .map(({ task: ref, message, details, ...rest }) => ({
      type: 'result' as const,
      result: {
        ...ref,
        ...rest,
        durationMs: 0.5,
        outcome: { status: 'failed' as const, error: { code: 'internal' as const, message, details: { details } } },
      },
    })),
);

const coordinatorMessage: fc.Arbitrary<CoordinatorMessage> = fc.oneof(
  offer.map((given) => ({ type: 'offer' as const, offer: given })),
  fc.record({ type: fc.constant('cancel' as const), task, reason: text }),
  fc.record({ type: fc.constant('revoke' as const), task }),
);

test('any messages of a worker come out of a frame as they went in', () => {
  fc.assert(
    fc.property(fc.array(workerMessage, { maxLength: 20 }), (messages) => {
      const frame = joinFrame(messages.map(createClientCodec().encode));
      expect(createServerCodec().decode(frame)).toEqual({ ok: true, value: messages });
    }),
  );
});

test('any messages of a coordinator come out of frames of one stream as they went in', () => {
  fc.assert(
    fc.property(fc.array(coordinatorMessage, { maxLength: 20 }), (messages) => {
      const server = createServerCodec();
      const client = createClientCodec();
      const received = messages.flatMap((message) => {
        const decoded = client.decode(joinFrame([server.encode(message)]));
        if (!decoded.ok) throw decoded.error;
        return decoded.value;
      });
      expect(received).toEqual(messages);
    }),
  );
});

test('no bytes make a decoder throw', () => {
  const valid = createServerCodec().encode({ type: 'offer', offer: sampleOffer() });
  const damaged = fc
    .tuple(fc.nat(valid.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.nat(valid.length))
    .map(([at, bytes, length]) => {
      const copy = Buffer.from(valid);
      copy.set(bytes.subarray(0, copy.length - at), at);
      return joinFrame([copy.subarray(0, length)]);
    });
  const garbage = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(damaged, garbage), (frame) => {
      for (const decoded of [createClientCodec().decode(frame), createServerCodec().decode(frame)]) {
        if (!decoded.ok) expect(decoded.error.code).toBe('invalid_argument');
      }
    }),
    { numRuns: 500 },
  );
});

test('a step travels once per stream, also after more steps than a stream remembers', () => {
  const server = createServerCodec();
  const client = createClientCodec();
  const steps = Array.from({ length: 600 }, (_, index) => sampleStep(`step-${index}`));
  const send = (index: number): number => {
    const definition = steps[index] as (typeof steps)[number];
    const bytes = server.encode({ type: 'offer', offer: { ...sampleOffer(), definition } });
    const decoded = client.decode(joinFrame([bytes]));
    if (!decoded.ok) throw decoded.error;
    expect(decoded.value[0]).toMatchObject({ type: 'offer', offer: { definition } });
    return bytes.length;
  };
  const first = send(0);
  expect(send(0)).toBeLessThan(first - 200);
  for (let index = 1; index < 600; index++) send(index);
  expect(send(0)).toBe(first);
  expect(send(599)).toBeLessThan(first - 200);
});

test('offers an equal step under its number, although it is another object', () => {
  const server = createServerCodec();
  const encode = (): number =>
    server.encode({ type: 'offer', offer: { ...sampleOffer(), definition: sampleStep() } }).length;
  expect(encode()).toBeGreaterThan(encode() + 200);
});
