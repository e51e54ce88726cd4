import { expect, test } from 'vitest';
import { apiToken } from '../../test/fake-coordinator.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

const badBodies: readonly [string, string][] = [
  ['no JSON', '{"dag":'],
  ['nothing', ''],
  ['null', 'null'],
  ['a list', '[]'],
  ['a number for the DAG', '{"dag":1}'],
  ['an unknown field', '{"dag":"hello","parms":{}}'],
  ['params that are a list', '{"dag":"hello","params":[1]}'],
  ['a fractional priority', '{"dag":"hello","priority":0.5}'],
  ['deep nesting', `{"dag":"hello","params":{"a":${'['.repeat(100)}${']'.repeat(100)}}}`],
  ['very deep nesting', '['.repeat(200_000)],
  ['a prototype key', '{"dag":"hello","params":{"__proto__":{"x":1}}}'],
  ['an escaped prototype key', '{"dag":"hello","params":{"\\u005f_proto__":{"x":1}}}'],
  ['a constructor key', '{"dag":"hello","routingContext":{"constructor" : {}}}'],
  ['a key that is there twice', '{"dag":"nothing","dag":"hello"}'],
  ['a key that is there twice, once escaped', '{"dag":"hello","params":{"a":1,"b":{"a":2},"\\u0061":3}}'],
  ['a bad instant', '{"dag":"hello","fire":{"scheduleId":"a","nominalAt":"soon"}}'],
];

test.each(badBodies)('refuses a body with %s and starts nothing', async (_what, body) => {
  const { send, coordinator } = startApi();
  const response = await send('POST', '/api/runs', { body });
  expect(await problemOf(response)).toMatchObject({
    status: 400,
    code: 'invalid_argument',
    type: 'application/problem+json',
  });
  expect(coordinator.runs.size).toBe(0);
});

test('a value that only looks like a polluting key is fine', async () => {
  const { send } = startApi();
  const body = '{"dag":"hello","params":{"a":"__proto__","b":"{\\"__proto__\\":[[[","c\\\\":"constructor"}}';
  expect((await send('POST', '/api/runs', { body })).status).toBe(201);
});

test('the same key in different objects is fine', async () => {
  const body = '{"dag":"hello","params":{"a":{"a":[{"a":1},{"a":2}],"b":{}},"b":"a"}}';
  expect((await startApi().send('POST', '/api/runs', { body })).status).toBe(201);
});

test('names the field that is wrong', async () => {
  const problem = await problemOf(
    await startApi().send('POST', '/api/runs', { body: { dag: 'hello', priority: 'high' } }),
  );
  expect(problem.body['problems']).toMatchObject([{ field: 'priority', expected: 'number' }]);
});

test.each(['text/plain', 'application/xml', 'multipart/form-data; boundary=x', ''])(
  'refuses the content type %j',
  async (type) => {
    const response = await startApi().send('POST', '/api/runs', {
      body: '{"dag":"hello"}',
      headers: { 'content-type': type },
    });
    expect(await problemOf(response)).toMatchObject({ code: 'invalid_argument' });
  },
);

test('refuses bytes that are not UTF-8 and bodies that are compressed', async () => {
  const { server, send } = startApi();
  const response = await server.request(
    new Request('http://skein.test/api/runs', {
      method: 'POST',
      headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' },
      body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
    }),
  );
  expect(await problemOf(response)).toMatchObject({ code: 'invalid_argument' });
  const zipped = await send('POST', '/api/runs', { body: '{}', headers: { 'content-encoding': 'gzip' } });
  expect(await problemOf(zipped)).toMatchObject({ code: 'invalid_argument' });
});

test('params over their limit are too large, with the limit in the problem', async () => {
  const params = { text: 'x'.repeat(270 * 1024) };
  const problem = await problemOf(await startApi().send('POST', '/api/runs', { body: { dag: 'hello', params } }));
  expect(problem).toMatchObject({ status: 413, code: 'too_large', body: { details: { limit: 262_144 } } });
});

test.each([
  undefined,
  'Bearer',
  'Bearer ',
  'Basic abc',
  'Bearer wrong',
  `Bearer ${apiToken} x`,
  `Bearer ${'a'.repeat(5_000)}`,
  `bearer\t${apiToken}`,
])('refuses the credentials %j without a hint', async (authorization) => {
  const { server } = startApi();
  const headers = authorization === undefined ? {} : { authorization };
  const response = await server.request(new Request('http://skein.test/api/runs', { headers }));
  expect(response.headers.get('www-authenticate')).toContain('Bearer');
  expect(await problemOf(response)).toMatchObject({ status: 401, code: 'unauthenticated' });
});

test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
  'a %s where it is not known says which methods are',
  async (method) => {
    const response = await startApi().send(method, '/api/runs');
    expect(response.headers.get('allow')).toBe('GET, POST');
    expect(await problemOf(response)).toMatchObject({ status: 404, code: 'not_found' });
  },
);

test.each([
  '/api/runs/%00',
  '/api/runs/..%2f..%2fetc',
  '/api/runs/%E0%A4%A',
  `/api/runs/${'a'.repeat(5_000)}`,
  "/api/runs/run_1'%20or%201=1--",
  '/api/runs/run_1/steps/%5B0%5D/log',
  '/api/snapshots/latest',
  '/api/dags/..%2Fx',
  '/api/runs/',
])('the garbage path %s names nothing', async (path) => {
  expect(await problemOf(await startApi().send('GET', path))).toMatchObject({ status: 404, code: 'not_found' });
});

test('an unknown throw is internal, hides its message and is logged once', async () => {
  const { send, log } = startApi();
  const problem = await problemOf(await send('POST', '/api/runs', { body: { dag: 'explodes' } }));
  expect(problem).toMatchObject({ status: 500, code: 'internal', body: { detail: 'internal error' } });
  expect(JSON.stringify(problem.body)).not.toContain('secret');
  expect(log.lines.filter((line) => line.level === 'error')).toHaveLength(1);
});

test('says in whole seconds when to come back', async () => {
  const response = await startApi().send('POST', '/api/runs', { body: { dag: 'busy' } });
  expect(response.headers.get('retry-after')).toBe('2');
  expect(await problemOf(response)).toMatchObject({ status: 429, body: { details: { retryAfterMs: 1_500 } } });
});
