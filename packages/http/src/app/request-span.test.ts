import { createMemoryTracer } from '@skein/testkit';
import { expect, test } from 'vitest';
import { startApi } from '../../test/start-api.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

test('a write has a span in the trace that it names, without what was sent', async () => {
  const tracer = createMemoryTracer();
  const { send } = startApi({}, {}, tracer);
  await send('POST', '/api/runs', {
    body: { dag: 'hello', params: { password: 'hunter2' } },
    headers: { traceparent },
  });
  await send('POST', '/api/runs', { body: { dag: 'explodes' } });
  expect(tracer.spans).toMatchObject([
    {
      name: 'POST /api/runs',
      kind: 'server',
      parent: { traceId, spanId: '00f067aa0ba902b7' },
      attributes: { 'http.request.method': 'POST', 'http.route': '/api/runs', 'http.response.status_code': 201 },
    },
    { name: 'POST /api/runs', error: '500' },
  ]);
  expect(tracer.spans[1]).not.toHaveProperty('parent');
  expect(JSON.stringify(tracer.spans)).not.toContain('hunter2');
});

test('the run is told of the span of the request that starts it', async () => {
  const tracer = createMemoryTracer();
  const { send, coordinator } = startApi({}, {}, tracer);
  await send('POST', '/api/runs', { body: { dag: 'hello' }, headers: { traceparent } });
  const spanId = tracer.spans[0]?.context.spanId ?? '';
  expect(coordinator.submits.map((submit) => submit.traceparent)).toEqual([`00-${traceId}-${spanId}-01`]);
});

test('a read has one only when it says in which trace it belongs, and nothing has one without a tracer', async () => {
  const tracer = createMemoryTracer();
  const { send } = startApi({}, {}, tracer);
  await send('GET', '/api/runs');
  await send('GET', '/api/runs', { headers: { traceparent: 'nonsense' } });
  expect(tracer.spans).toEqual([]);
  await send('GET', '/api/runs', { headers: { traceparent } });
  expect(tracer.spans).toHaveLength(1);
  const off = startApi();
  await off.send('POST', '/api/runs', { body: { dag: 'hello' }, headers: { traceparent } });
  expect(off.coordinator.submits[0]).not.toHaveProperty('traceparent');
});
