import { parseTraceparent } from '@skein/domain';
import { createMemoryTracer } from '@skein/testkit';
import { expect, test } from 'vitest';
import { createWorld, offerOf, succeeded } from '../../test/task-world.ts';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('a task has a span below that of its lease, and what it does is below that', async () => {
  const tracer = createMemoryTracer();
  const { run, seen } = createWorld(undefined, tracer);
  await run(offerOf({}, { traceparent }));
  expect(tracer.spans).toMatchObject([
    { name: 'execute work', parent: { spanId: '00f067aa0ba902b7' }, attributes: { 'skein.status': 'succeeded' } },
  ]);
  expect(parseTraceparent(seen.contexts[0]?.offer.traceparent)).toEqual(tracer.spans[0]?.context);
});

test('a failure is named by its code, and nothing that it says is in the span', async () => {
  const tracer = createMemoryTracer();
  const error = { code: 'unprocessable', message: 'hunter2' } as const;
  const { run } = createWorld(() => ({ ...succeeded, outcome: { status: 'failed', error } }), tracer);
  await run(offerOf({}, { traceparent }));
  expect(tracer.spans[0]?.error).toBe('unprocessable');
  expect(JSON.stringify(tracer.spans)).not.toContain('hunter2');
});

test('a task of a run that nobody traces has none; without a tracer what it is told is passed on', async () => {
  const tracer = createMemoryTracer();
  const traced = createWorld(undefined, tracer);
  await traced.run(offerOf());
  expect(tracer.spans).toEqual([]);
  const plain = createWorld();
  await plain.run(offerOf({}, { traceparent }));
  expect(plain.seen.contexts[0]?.offer.traceparent).toBe(traceparent);
});
