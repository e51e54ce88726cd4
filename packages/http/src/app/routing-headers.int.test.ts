import { request } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { apiToken } from '../../test/fake-coordinator.ts';
import { startApi } from '../../test/start-api.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Sends a submit over a real connection, header lines as they are given. */
const submit = async (...headers: readonly [string, string][]) => {
  const { server, coordinator } = startApi();
  closers.push(() => server.close());
  const { port } = await server.listen('127.0.0.1', 0);
  const body = '{"dag":"hello"}';
  const status = await new Promise<number>((resolve, reject) => {
    const lines = [
      ['host', 'skein.test'],
      ['authorization', `Bearer ${apiToken}`],
      ['content-type', 'application/json'],
      ['content-length', String(body.length)],
      ['connection', 'close'],
      ...headers,
    ].flat();
    const call = request({ port, method: 'POST', path: '/api/runs', headers: lines }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end(body);
  });
  return { status, context: coordinator.runs.get('run_1')?.view.routingContext };
};

test('an id with commas is one id', async () => {
  expect(await submit(['Skein-Resource-Id', 'a, b'], ['Skein-Thread-Id', 't'])).toEqual({
    status: 201,
    context: { resourceId: 'a, b', threadId: 't' },
  });
});

test.each(['Skein-Resource-Id', 'Skein-Thread-Id', 'Skein-Routing-Context'])(
  'the header %s twice is refused, also in other letters: nobody adds an id to somebody else',
  async (name) => {
    const value = name === 'Skein-Routing-Context' ? '{}' : 'a';
    expect(await submit([name, value], [name.toLowerCase(), value])).toEqual({ status: 400, context: undefined });
  },
);

test('bytes beyond ASCII are refused, however they are encoded', async () => {
  for (const bytes of ['m\u00fcller', Buffer.from('müller').toString('latin1'), 'a\u0080']) {
    expect(await submit(['Skein-Resource-Id', bytes])).toEqual({ status: 400, context: undefined });
  }
});
