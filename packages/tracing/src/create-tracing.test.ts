import { InMemorySpanExporter, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import * as conventions from '@opentelemetry/semantic-conventions';
import * as developing from '@opentelemetry/semantic-conventions/incubating';
import { spanAttribute } from '@skein/ports';
import { createMemoryLog } from '@skein/testkit';
import { expect, test } from 'vitest';
import { createTracing } from './create-tracing.ts';

const context = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: true };
const log = () => createMemoryLog();
const span = { name: 'a', context, startAt: 1_000.25, endAt: 2_500, attributes: { 'skein.step': 'a' } };

const open = (exporter: SpanExporter, share?: number) =>
  createTracing({
    url: 'http://127.0.0.1:9/v1/traces',
    service: 'test',
    resource: { place: 'here' },
    log: log(),
    exporter,
    ...(share === undefined ? {} : { share }),
  });

/** Keeps what it got also after its end. */
const keeper = () => {
  const spans: ReadableSpan[] = [];
  const exporter: SpanExporter = {
    export: (given, done) => {
      spans.push(...given);
      done({ code: 0 });
    },
    shutdown: () => Promise.resolve(),
  };
  return { spans, exporter };
};

test('a span that is over is sent as it was told, with its times, events and parent', async () => {
  const { spans, exporter } = keeper();
  const { tracer, close } = open(exporter);
  const parent = { ...context, spanId: 'aaaaaaaaaaaaaaaa' };
  tracer.record({ ...span, parent, kind: 'server', events: [{ name: 'e', at: 1_500 }], error: 'internal' });
  await close();
  expect(spans).toMatchObject([
    {
      name: 'a',
      kind: 1,
      startTime: [1, 250_000],
      endTime: [2, 500_000_000],
      duration: [1, 499_750_000],
      status: { code: 2 },
      attributes: { 'skein.step': 'a', 'error.type': 'internal' },
      events: [{ name: 'e', time: [1, 500_000_000] }],
      parentSpanContext: { traceId: context.traceId, spanId: 'aaaaaaaaaaaaaaaa' },
      resource: { attributes: { 'service.name': 'test', place: 'here' } },
    },
  ]);
  expect(spans[0]?.spanContext()).toEqual({ traceId: context.traceId, spanId: context.spanId, traceFlags: 1 });
});

test('a span that lasts is sent when it ends, once, below its parent', async () => {
  const { spans, exporter } = keeper();
  const { tracer, close } = open(exporter);
  const first = tracer.begin('first');
  const second = tracer.begin('second', { parent: first.context, attributes: { a: 1 } });
  second.set({ b: 2 });
  second.event('happened');
  second.end();
  second.end('internal');
  first.end();
  await close();
  expect(spans.map(({ name, status }) => [name, status.code])).toEqual([
    ['second', 0],
    ['first', 0],
  ]);
  expect(spans[0]).toMatchObject({ attributes: { a: 1, b: 2 }, events: [{ name: 'happened' }] });
  expect(spans[0]?.parentSpanContext).toEqual(spans[1]?.spanContext());
  expect(spans[1]?.parentSpanContext).toBeUndefined();
});

test('what is not sampled is not sent, whoever said so', async () => {
  const { spans, exporter } = keeper();
  const { tracer, close } = open(exporter, 0);
  tracer.record({ ...span, context: { ...context, sampled: false } });
  const none = tracer.begin('none');
  tracer.begin('below', { parent: none.context }).end();
  none.end();
  tracer.begin('asked for', { parent: context }).end();
  await close();
  expect(spans.map(({ name }) => name)).toEqual(['asked for']);
});

test('the share of traces is the same at everybody, and about as large as it says', () => {
  const exporter = new InMemorySpanExporter();
  const [one, other] = [open(exporter, 0.25).tracer, open(exporter, 0.25).tracer];
  const ids = Array.from({ length: 4_000 }, (_, n) => ((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(32, '0'));
  const sampled = ids.filter((id) => one.samples(id));
  expect(sampled).toEqual(ids.filter((id) => other.samples(id)));
  expect(sampled.length).toBeGreaterThan(900);
  expect(sampled.length).toBeLessThan(1_100);
});

test('an exporter that throws is said once and stops nobody', async () => {
  const lines: string[] = [];
  const quiet = createMemoryLog();
  const failing: SpanExporter = {
    export: () => {
      throw new Error('no such collector');
    },
    shutdown: () => Promise.reject(new Error('no end either')),
  };
  const { tracer, close } = createTracing({ url: 'http://x/v1/traces', service: 's', log: quiet, exporter: failing });
  for (let n = 0; n < 1_200; n += 1) tracer.record(span);
  await close();
  tracer.record(span);
  lines.push(...quiet.lines.map(({ message }) => message));
  expect(lines).toEqual(['spans cannot be sent']);
});

test('an exporter that never answers does not keep the process, and is said', async () => {
  const quiet = createMemoryLog();
  const silent: SpanExporter = { export: () => undefined, shutdown: () => new Promise(() => undefined) };
  const { tracer, close } = createTracing({
    url: 'http://x/v1/traces',
    service: 's',
    log: quiet,
    exporter: silent,
    closeMs: 20,
  });
  tracer.record(span);
  await close();
  expect(quiet.lines.map(({ message }) => message)).toEqual(['spans cannot be sent']);
  expect(tracer.isOn).toBe(true);
});

test('the names of attributes that are not ours are those of the conventions', () => {
  const valuesOf = (names: object): readonly unknown[] => Object.values(names);
  const known = new Set([...valuesOf(conventions), ...valuesOf(developing)]);
  const foreign = Object.values(spanAttribute).filter((name) => !name.startsWith('skein.'));
  expect(foreign.filter((name) => !known.has(name))).toEqual([]);
});
