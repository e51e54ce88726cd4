import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

test('starts a run and says where it is', async () => {
  const { send } = startApi();
  const response = await send('POST', '/api/runs', { body: { dag: 'hello', params: { name: 'x' } } });
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe('/api/runs/run_1');
  expect(await response.json()).toMatchObject({ runId: 'run_1', status: 'running', params: { name: 'x' } });
});

test('the same idempotency key answers the same run with 200, another body with a conflict', async () => {
  const { send, coordinator } = startApi();
  const headers = { 'idempotency-key': 'order-7' };
  const first = await send('POST', '/api/runs', { body: { dag: 'hello' }, headers });
  const again = await send('POST', '/api/runs', { body: { dag: 'hello' }, headers });
  const other = await send('POST', '/api/runs', { body: { dag: 'hello', params: { a: 1 } }, headers });
  expect([first.status, again.status, other.status]).toEqual([201, 200, 409]);
  expect(await problemOf(other)).toMatchObject({ code: 'already_exists' });
  expect(coordinator.runs.size).toBe(1);
});

test.each(['', ' ', 'a'.repeat(256), 'caf\u00e9'])('refuses the idempotency key %j', async (key) => {
  const { send, coordinator } = startApi();
  const response = await send('POST', '/api/runs', { body: { dag: 'hello' }, headers: { 'idempotency-key': key } });
  expect(await problemOf(response)).toMatchObject({ status: 400, code: 'invalid_argument' });
  expect(coordinator.runs.size).toBe(0);
});

test('lists runs page by page, with both keys on every page', async () => {
  const { send } = startApi();
  for (let count = 0; count < 3; count += 1) await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const first = (await (await send('GET', '/api/runs?limit=2')).json()) as { items: unknown[]; nextCursor: string };
  expect(first.items).toHaveLength(2);
  const second = (await (await send('GET', `/api/runs?limit=2&cursor=${first.nextCursor}`)).json()) as typeof first;
  expect(second.items).toHaveLength(1);
  expect(second.nextCursor).toBeNull();
  expect((await send('GET', '/api/runs?limit=99999')).status).toBe(200);
});

test.each(['limit=0', 'limit=-1', 'limit=x', 'status=nope', 'cursor=', 'cursor=bogus', 'cursor=run_1', 'staus=failed'])(
  'refuses the list query %s and names the field',
  async (query) => {
    const problem = await problemOf(await startApi().send('GET', `/api/runs?${query}`));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_argument' });
    expect(JSON.stringify(problem.body['problems'])).toContain(query.split('=')[0]);
  },
);

test('cancels once and refuses a finished run', async () => {
  const { send } = startApi();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  expect((await send('POST', '/api/runs/run_1/cancel')).status).toBe(200);
  expect(await problemOf(await send('POST', '/api/runs/run_1/cancel'))).toMatchObject({ code: 'illegal_transition' });
  const retried = await send('POST', '/api/runs/run_1/retry', { body: { latest: true } });
  expect(retried.status).toBe(201);
  expect(await retried.json()).toMatchObject({ runId: 'run_2', retryOf: 'run_1' });
});

test('answers when the run has ended, if the caller wants to wait', async () => {
  const { send, coordinator } = startApi();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const waiting = send('GET', '/api/runs/run_1?waitMs=60000');
  const submitted = send('POST', '/api/runs?waitMs=60000', { body: { dag: 'hello' } });
  while (!coordinator.runs.has('run_2')) await new Promise((resolve) => setImmediate(resolve));
  coordinator.finish('run_1');
  coordinator.finish('run_2', 'failed');
  expect(await (await waiting).json()).toMatchObject({ status: 'succeeded' });
  expect(await (await submitted).json()).toMatchObject({ runId: 'run_2', status: 'failed' });
  for (const wait of ['60001', '-1', '1.5', '']) {
    expect((await send('GET', `/api/runs/run_1?waitMs=${wait}`)).status, wait).toBe(400);
  }
});

test('reads items, outputs and snapshots', async () => {
  const { send } = startApi();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const items = await send('GET', '/api/runs/run_1/steps/triage/items?limit=2');
  expect(await items.json()).toMatchObject({ items: [{ id: 'triage[0]' }, { id: 'triage[1]' }], nextCursor: null });
  const output = await send('GET', '/api/runs/run_1/steps/triage%5B3%5D/outputs/stdout');
  expect(await output.json()).toMatchObject({ name: 'stdout', value: { step: 'triage[3]' } });
  const digest = `sha256:${'ab'.repeat(32)}`;
  expect(await (await send('GET', `/api/snapshots/${digest}`)).json()).toMatchObject({ digest, bytes: 3 });
  const download = await send('GET', `/api/snapshots/${digest}?download`);
  expect(download.headers.get('content-type')).toBe('application/gzip');
  expect([...new Uint8Array(await download.arrayBuffer())]).toEqual([31, 139, 8]);
});

test('hands the files of an apply on as bytes', async () => {
  const { send, coordinator } = startApi();
  const files = [
    { path: 'dags/a.yaml', text: 'steps: []\n' },
    { path: 'bin/tool', mode: 0o755, base64: Buffer.from([0xff, 0]).toString('base64') },
  ];
  expect((await send('POST', '/api/apply', { body: { files, activate: true } })).status).toBe(200);
  expect(coordinator.applied[0]).toMatchObject({ activate: true, dryRun: false, autoModel: { provider: 'offline' } });
  expect(coordinator.applied[0]?.files.map((file) => [file.path, file.mode, [...file.bytes].length])).toEqual([
    ['dags/a.yaml', 0o644, 10],
    ['bin/tool', 0o755, 2],
  ]);
});

test('answers every problem of a project with its place', async () => {
  const problem = await problemOf(await startApi().send('POST', '/api/apply', { body: { files: [] } }));
  expect(problem.body['problems']).toEqual([{ message: 'no DAG here', file: 'dags/a.yaml', line: 3, column: 5 }]);
});

test('slices lists that are whole in memory', async () => {
  const { send } = startApi();
  const first = (await (await send('GET', '/api/dags?limit=2')).json()) as { items: unknown[]; nextCursor: string };
  expect(first.items).toHaveLength(2);
  const rest = await send('GET', `/api/dags?limit=2&cursor=${first.nextCursor}`);
  expect(await rest.json()).toMatchObject({ items: [{ name: 'c' }], nextCursor: null });
  expect((await send('GET', '/api/dags?cursor=o-1')).status).toBe(400);
});

test('describes itself as OpenAPI 3.1 with every route', async () => {
  const document = (await (await startApi().send('GET', '/openapi.json')).json()) as {
    openapi: string;
    paths: { [path: string]: { [method: string]: unknown } };
  };
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths)).toContain('/api/runs/{runId}/steps/{stepId}/log');
  expect(document.paths['/api/runs']?.['post']).toMatchObject({ operationId: 'submitRun' });
  const step = '/api/runs/{runId}/steps/{stepId}';
  for (const [path, ...methods] of [
    [step, 'get'],
    [`${step}/messages`, 'get', 'post'],
    [`${step}/messages/{messageId}`, 'get'],
    [`${step}/approval`, 'post'],
    ['/api/approvals', 'get'],
    ['/api/runs/{runId}/effects', 'get'],
    ['/api/dead-letters/{id}', 'get'],
    ['/api/dead-letters/{id}/redrive', 'post'],
    ['/api/dead-letters/{id}/purge', 'post'],
    ['/api/delivery-events', 'get'],
  ] as const) {
    expect(Object.keys(document.paths[path] ?? {}).toSorted(), path).toEqual(methods);
  }
});

test('a path that nobody knows is not found', async () => {
  expect(await problemOf(await startApi().send('GET', '/api/nothing'))).toMatchObject({
    status: 404,
    code: 'not_found',
  });
});

test('a retry can ask for the same versions, but not for those and the latest', async () => {
  const { send, coordinator } = startApi();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  expect((await send('POST', '/api/runs/run_1/retry', { body: { sameVersions: true } })).status).toBe(201);
  expect(coordinator.retried).toEqual([{ by: 'admin', sameVersions: true }]);
  const both = await send('POST', '/api/runs/run_1/retry', { body: { sameVersions: true, latest: true } });
  expect(await problemOf(both)).toMatchObject({ status: 400, body: { problems: [{ field: 'sameVersions' }] } });
});

test('readiness is told without details when the token cannot be looked up', async () => {
  const { send, coordinator } = startApi({ readinessLookUpMs: 5 });
  coordinator.authenticate = () => new Promise(() => undefined);
  expect(await (await send('GET', '/readyz')).json()).toEqual({ status: 'ready', checks: { store: { ok: true } } });
});

test('health needs no token, all else does; what a check found is said only to who has one', async () => {
  const { server, send } = startApi();
  const plain = (path: string) => server.request(new Request(`http://skein.test${path}`));
  expect((await plain('/healthz')).status).toBe(200);
  expect(await (await plain('/readyz')).json()).toEqual({ status: 'ready', checks: { store: { ok: true } } });
  const wrong = new Request('http://skein.test/readyz', { headers: { authorization: 'Bearer wrong' } });
  expect(await (await server.request(wrong)).json()).toEqual({ status: 'ready', checks: { store: { ok: true } } });
  const known = await (await send('GET', '/readyz')).json();
  expect(known).toMatchObject({
    status: 'ready',
    coordinator: { coordinatorId: 'fake' },
    checks: { store: { ok: true, detail: 'writes in 1 ms' } },
  });
  for (const path of ['/metrics', '/openapi.json', '/api/runs', '/api/nothing', '/api/tokens']) {
    expect((await plain(path)).status, path).toBe(401);
  }
});

test('every answer carries the security headers', async () => {
  const { send } = startApi();
  for (const path of ['/healthz', '/api/runs', '/api/nothing', '/api/runs/run_9']) {
    const { headers } = await send('GET', path);
    expect([headers.get('x-content-type-options'), headers.get('cache-control')], path).toEqual([
      'nosniff',
      'no-store',
    ]);
  }
});

test('counts requests by route, not by path', async () => {
  const { send, counted } = startApi();
  await send('GET', '/api/runs/run_404');
  expect(counted).toContainEqual({
    name: 'skein_http_requests_total',
    labels: { method: 'GET', route: '/api/runs/{runId}', status: '404' },
  });
});
