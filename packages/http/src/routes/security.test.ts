import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

test('a secret is set, listed and removed; its value is in no answer and no entry', async () => {
  const { send, coordinator, log } = startApi();
  const texts: string[] = [];
  const textOf = async (response: Response) => {
    const text = await response.text();
    texts.push(text);
    return text;
  };
  expect(JSON.parse(await textOf(await send('PUT', '/api/secrets/DB', { body: { value: 'hunter2' } })))).toMatchObject({
    name: 'DB',
    keyId: 'key_1',
    updatedBy: 'admin',
  });
  expect(coordinator.secrets.values.get('DB')).toBe('hunter2');
  expect(JSON.parse(await textOf(await send('GET', '/api/secrets')))).toMatchObject({ items: [{ name: 'DB' }] });
  expect(JSON.parse(await textOf(await send('POST', '/api/secrets/rotate')))).toEqual({
    keyId: 'key_2',
    rotated: 1,
    failed: [],
  });
  expect((await send('DELETE', '/api/secrets/DB')).status).toBe(204);
  expect((await send('DELETE', '/api/secrets/DB')).status).toBe(204);
  await textOf(await send('PUT', '/api/secrets/DB', { body: { value: '' } }));
  await textOf(await send('PUT', '/api/secrets/DB', { body: { value: 'hunter2', more: 1 } }));
  await textOf(await send('PUT', '/api/secrets/..%2Fx', { body: { value: 'hunter2' } }));
  expect(JSON.stringify([texts, coordinator.audit.notes, log.lines])).not.toContain('hunter2');
  expect(coordinator.audit.notes[0]).toMatchObject({
    action: 'PUT /api/secrets/{name}',
    target: 'DB',
    outcome: 'done',
  });
});

test('without a key the answer says so', async () => {
  const { send, coordinator } = startApi();
  coordinator.secrets.hasKey = false;
  expect(await problemOf(await send('PUT', '/api/secrets/DB', { body: { value: 'x' } }))).toMatchObject({
    status: 501,
    code: 'unimplemented',
  });
});

const fire = (
  server: ReturnType<typeof startApi>['server'],
  path: string,
  signature: string,
  body = '{"a":1}',
  id = 'msg_1',
) =>
  server.request(
    new Request(`http://skein.test${path}`, {
      method: 'POST',
      headers: { 'webhook-id': id, 'webhook-timestamp': '1', 'webhook-signature': signature },
      body,
    }),
  );

test('a signed request starts a run without a token, once for its id, and the answer says only which', async () => {
  const { server, send, coordinator } = startApi();
  const made = await send('POST', '/api/triggers', { body: { name: 'push', dag: 'hello', params: { ref: '/ref' } } });
  expect(made.status).toBe(201);
  expect(await made.json()).toMatchObject({ triggerId: 'trg_1', secret: 'whsec_shown-once', params: { ref: '/ref' } });
  expect(await (await send('GET', '/api/triggers')).text()).not.toContain('whsec_');
  const first = await fire(server, '/api/triggers/trg_1', 'right');
  expect([first.status, await first.json()]).toEqual([201, { runId: 'run_1', created: true }]);
  const again = await fire(server, '/api/triggers/trg_1', 'right');
  expect([again.status, await again.json()]).toEqual([200, { runId: 'run_1', created: false }]);
  const other = await fire(server, '/api/triggers/trg_1', 'right', '{"a":1}', 'msg_2');
  expect(await other.json()).toEqual({ runId: 'run_2', created: true });
  expect(coordinator.triggers.requests[0]).toEqual({
    id: 'msg_1',
    timestamp: '1',
    signature: 'right',
    body: '{"a":1}',
  });
  expect(coordinator.audit.notes.at(-1)).toEqual({
    tenant: 'default',
    actor: { kind: 'trigger', id: 'trg_1', name: 'push' },
    action: 'POST /api/triggers/{triggerId}',
    target: 'run_2',
    outcome: 'done',
  });
});

test('an unknown trigger and a wrong signature have the same answer, are noted, and are bounded', async () => {
  const { server, send, coordinator } = startApi({}, { failures: { requests: 3, seconds: 60 } });
  await send('POST', '/api/triggers', { body: { name: 'push', dag: 'hello' } });
  const wrong = await fire(server, '/api/triggers/trg_1', 'wrong');
  const unknown = await fire(server, '/api/triggers/trg_9', 'right');
  expect([wrong.status, await wrong.text()]).toEqual([unknown.status, await unknown.text()]);
  expect(wrong.status).toBe(401);
  expect(coordinator.audit.refusals).toMatchObject([
    { action: 'POST /api/triggers/{triggerId}', target: 'trg_1', outcome: 'unauthenticated' },
    { target: 'trg_9' },
  ]);
  expect((await fire(server, '/api/triggers/trg_1', 'wrong')).status).toBe(401);
  expect((await fire(server, '/api/triggers/trg_1', 'wrong')).status).toBe(429);
  expect((await fire(server, '/api/triggers/trg_1', 'right')).status).toBe(429);
  expect(coordinator.runs.size).toBe(0);
});

test('a body that is too large is refused before its signature is looked at', async () => {
  const { server, coordinator } = startApi({ maxParamsBytes: 100 });
  expect((await fire(server, '/api/triggers/trg_1', 'right', 'x'.repeat(101))).status).toBe(413);
  expect(coordinator.triggers.requests).toEqual([]);
});

test('a trigger is revoked once', async () => {
  const { send } = startApi();
  await send('POST', '/api/triggers', { body: { name: 'push', dag: 'hello' } });
  expect((await send('DELETE', '/api/triggers/trg_1')).status).toBe(204);
  expect((await send('DELETE', '/api/triggers/trg_1')).status).toBe(404);
});
