import { parseTraceparent } from '@skein/domain';
import type { FinishedSpan } from '@skein/ports';
import { callOf, createMemoryTracer, createScene, dagOf, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
const single = dagOf([stepOf('a')], { name: 'single' });
const retried = dagOf([stepOf('a', { retryPolicy: { limit: 1, intervalMs: 100, backoff: 1, exitCodes: [] } })], {
  name: 'retried',
});
const double = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'double' });
const inner = dagOf([stepOf('work')], { name: 'inner' });
const outer = dagOf([callOf('go', 'inner', {})], { name: 'outer' });
const boom = { status: 'failed', error: { code: 'unprocessable', message: 'the goose said: hunter2' } } as const;

const shortly = ({ name, startAt, endAt, error }: FinishedSpan) => [name, endAt - startAt, error];

describe('the trace of a run', () => {
  test('begins with who asked for it, and has a span for each lease, of which the worker is told', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [single], deps: { tracer } });
    const worker = await scene.join();
    const runId = await scene.submit('single', { traceparent });
    await scene.clock.advance(300);
    const [offer] = worker.offers;
    await scene.answer(worker, 0);
    expect(tracer.tree()).toEqual(['task a below run single', 'run single below elsewhere']);
    const [task, run] = tracer.spans;
    expect(run?.parent).toEqual(parseTraceparent(traceparent));
    expect(run?.attributes).toMatchObject({ 'skein.run_id': runId, 'skein.status': 'succeeded' });
    expect(parseTraceparent(offer?.traceparent)).toEqual(task?.context);
    expect(tracer.spans.map(({ context }) => context.traceId)).toEqual([traceId, traceId]);
    expect(tracer.spans.map(shortly)).toEqual([
      ['task a', 300, undefined],
      ['run single', 300, undefined],
    ]);
    await scene.close();
  });

  test('is one of its own where nobody said any, and nothing is stored then', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [single], deps: { tracer } });
    const runs = [await scene.submit('single'), await scene.submit('single', { traceparent: 'nonsense' })];
    const worker = await scene.join({ slots: 2 });
    await scene.answer(worker, 0);
    await scene.answer(worker, 1);
    for (const runId of runs) expect((await scene.facts(runId))[0]).not.toHaveProperty('traceparent');
    expect(new Set(tracer.spans.map(({ context }) => context.traceId)).size).toBe(2);
    expect(tracer.spans.filter(({ name }) => name === 'run single').map(({ parent }) => parent)).toEqual([
      undefined,
      undefined,
    ]);
    await scene.close();
  });

  test('has a span for each attempt, and says that the first was to be repeated and why, but not what was said', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [retried], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('retried');
    worker.start(worker.offers[0]!);
    await scene.answer(worker, 0, boom);
    await scene.clock.advance(200);
    await scene.answer(worker, 1);
    const tasks = tracer.spans.filter(({ name }) => name === 'task a');
    expect(tasks.map(({ error, attributes }) => [error, attributes['skein.attempt']])).toEqual([
      ['unprocessable', 1],
      [undefined, 2],
    ]);
    expect(tasks[0]?.events?.map(({ name }) => name)).toEqual(['task.started', 'task.retry']);
    expect(new Set(tasks.map(({ context }) => context.spanId)).size).toBe(2);
    expect(JSON.stringify(tracer.spans)).not.toContain('hunter2');
    await scene.close();
  });

  test('says that a lease was lost', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [single], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('single');
    worker.start(worker.offers[0]!);
    await scene.clock.advance(10_000);
    expect(tracer.spans.map(({ name, error }) => [name, error])).toEqual([['task a', 'lease_lapsed']]);
    expect(tracer.spans[0]?.events?.map(({ name }) => name)).toContain('task.lost');
    await scene.close();
  });

  test('goes on in called runs', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [outer, inner], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('outer', { traceparent });
    await scene.answer(worker, 0);
    expect(tracer.tree().toSorted()).toEqual([
      'call go below run outer',
      'run inner below call go',
      'run outer below elsewhere',
      'task work below run inner',
    ]);
    expect(new Set(tracer.spans.map(({ context }) => context.traceId))).toEqual(new Set([traceId]));
    await scene.close();
  });

  test('is the same in called runs of a run that nobody said a trace of', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [outer, inner], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('outer');
    await scene.answer(worker, 0);
    expect(tracer.tree().toSorted()).toEqual([
      'call go below run outer',
      'run inner below call go',
      'run outer below nothing',
      'task work below run inner',
    ]);
    expect(new Set(tracer.spans.map(({ context }) => context.traceId)).size).toBe(1);
    await scene.close();
  });

  test('is ended by whoever drives the run then, with the spans that were begun', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [double], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('double', { traceparent });
    await scene.clock.advance(50);
    await scene.answer(worker, 0);
    const offer = worker.offers[1]!;
    worker.start(offer);
    await scene.clock.advance(100);
    await scene.restart();
    const again = scene.connect(worker.info);
    again.hello({ running: [{ ...taskOf(offer), started: true }] });
    await scene.settle();
    again.finish(offer);
    await scene.settle();
    expect(tracer.spans.map(shortly)).toEqual([
      ['task a', 50, undefined],
      ['task b', 100, undefined],
      ['run double', 150, undefined],
    ]);
    expect(tracer.tree()).toEqual(['task a below run double', 'task b below run double', 'run double below elsewhere']);
    expect(tracer.spans[1]?.context).toEqual(parseTraceparent(offer.traceparent));
    await scene.close();
  });

  test('is kept to by those who say that they do not record it', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [single], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('single', { traceparent: traceparent.replace(/01$/, '00') });
    await scene.answer(worker, 0);
    expect(worker.offers[0]?.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(tracer.spans).toEqual([]);
    await scene.close();
  });

  test('is nothing that a worker hears of where nothing is traced', async () => {
    const scene = await createScene({ dags: [single] });
    const worker = await scene.join();
    await scene.submit('single', { traceparent });
    expect(worker.offers[0]).not.toHaveProperty('traceparent');
    await scene.close();
  });

  test('has the end of a run whose last write was in doubt', async () => {
    const tracer = createMemoryTracer();
    const scene = await createScene({ dags: [single], deps: { tracer } });
    const worker = await scene.join();
    await scene.submit('single');
    scene.onAppend = async (request, append) => {
      await append(request);
      scene.onAppend = (later, own) => own(later);
      throw new Error('the answer was lost');
    };
    await scene.answer(worker, 0);
    await scene.clock.advance(5_000);
    expect(tracer.spans.map(({ name }) => name)).toContain('run single');
    await scene.close();
  });
});
