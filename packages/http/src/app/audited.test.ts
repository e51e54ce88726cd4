import { expect, test } from 'vitest';
import { tokenOf } from '../../test/fake-coordinator.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

const actor = { kind: 'token', id: 'tok_admin', name: 'admin' };

test('every write has one entry: who, what, on what, and what came of it', async () => {
  const { send, coordinator } = startApi();
  await send('POST', '/api/runs', { body: { dag: 'hello', params: { password: 'hunter2' } } });
  await send('POST', '/api/runs', { body: { dag: 'none' } });
  await send('POST', '/api/runs', { body: '{' });
  await send('POST', '/api/runs/run_1/cancel');
  await send('POST', '/api/runs/run_1/cancel');
  await send('DELETE', '/api/tokens/tok_9');
  await send('POST', '/api/tokens', { body: { kind: 'api', name: 'x', role: 'viewer' } });
  await send('POST', '/api/runs', { body: { dag: 'explodes' } });
  expect(coordinator.audit.notes).toEqual([
    {
      tenant: 'default',
      actor,
      action: 'POST /api/runs',
      target: 'run_1',
      outcome: 'done',
      details: { dag: 'hello' },
    },
    {
      tenant: 'default',
      actor,
      action: 'POST /api/runs',
      target: 'none',
      outcome: 'not_found',
      details: { dag: 'none' },
    },
    { tenant: 'default', actor, action: 'POST /api/runs', outcome: 'invalid_argument' },
    { tenant: 'default', actor, action: 'POST /api/runs/{runId}/cancel', target: 'run_1', outcome: 'done' },
    {
      tenant: 'default',
      actor,
      action: 'POST /api/runs/{runId}/cancel',
      target: 'run_1',
      outcome: 'illegal_transition',
    },
    { tenant: 'default', actor, action: 'DELETE /api/tokens/{tokenId}', target: 'tok_9', outcome: 'done' },
    {
      tenant: 'default',
      actor,
      action: 'POST /api/tokens',
      target: 'tok_1',
      outcome: 'done',
      details: { kind: 'api', role: 'viewer' },
    },
    {
      tenant: 'default',
      actor,
      action: 'POST /api/runs',
      target: 'explodes',
      outcome: 'internal',
      details: { dag: 'explodes' },
    },
  ]);
  expect(JSON.stringify(coordinator.audit.notes)).not.toContain('hunter2');
});

test('what a role may not do is noted with what it was to be done to', async () => {
  const { send, coordinator } = startApi();
  const headers = { authorization: `Bearer ${tokenOf('viewer')}` };
  await send('POST', '/api/runs/run_7/cancel', { headers });
  await send('POST', '/api/runs', { headers, body: { dag: 'hello', params: { password: 'hunter2' } } });
  await send('POST', '/api/runs', { headers, body: '{' });
  await send('POST', '/api/runs', { headers, body: { dag: 'hello', params: { long: 'x'.repeat(100_000) } } });
  expect(coordinator.audit.refusals.map(({ action, target }) => [action, target])).toEqual([
    ['POST /api/runs/{runId}/cancel', 'run_7'],
    ['POST /api/runs', 'hello'],
    ['POST /api/runs', undefined],
    ['POST /api/runs', undefined],
  ]);
  expect(JSON.stringify(coordinator.audit.refusals)).not.toContain('hunter2');
});

test('reads have none, and neither has what only asks', async () => {
  const { send, coordinator } = startApi();
  for (const path of ['/api/runs', '/api/tokens', '/api/audit', '/metrics']) await send('GET', path);
  await send('POST', '/api/agents/writer/rollout/forecast', { body: {} });
  expect(coordinator.audit.notes).toEqual([]);
});

test('what cannot be audited is not done', async () => {
  const { send, coordinator } = startApi();
  coordinator.audit.isFull = true;
  expect((await send('POST', '/api/runs', { body: { dag: 'hello' } })).status).toBe(503);
  expect(coordinator.runs.size).toBe(0);
  expect((await send('GET', '/api/runs')).status).toBe(200);
});

test('a wrong token is noted with its address and without the token', async () => {
  const { server, coordinator } = startApi();
  const headers = { authorization: 'Bearer wrong-token-here' };
  await server.request(new Request('http://skein.test/api/runs', { method: 'POST', headers }));
  expect(coordinator.audit.refusals).toMatchObject([
    {
      actor: { id: 'unknown@local' },
      action: 'POST /api/runs',
      outcome: 'unauthenticated',
      details: { address: 'local' },
    },
  ]);
  expect(JSON.stringify(coordinator.audit.refusals)).not.toContain('wrong-token');
});

test('the audit log is read in pages, by filters, by admins', async () => {
  const { send, coordinator } = startApi();
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  const page = (await (
    await send(
      'GET',
      '/api/audit?limit=1&actor=tok_1&action=POST%20%2Fapi%2Fruns&target=run_1&since=2026-01-01T00:00:00Z&cursor=c',
    )
  ).json()) as { items: object[]; nextCursor: string };
  expect(page.items).toEqual([
    {
      id: 'aud_0',
      at: '2025-11-02T03:04:05.000Z',
      actor,
      action: 'POST /api/runs',
      target: 'run_1',
      outcome: 'done',
      details: { dag: 'hello' },
    },
  ]);
  expect(page.nextCursor).toBe('aud_0');
  expect(coordinator.audit.asked).toEqual([
    {
      tenant: 'default',
      limit: 1,
      actorId: 'tok_1',
      action: 'POST /api/runs',
      target: 'run_1',
      since: Date.UTC(2026, 0, 1),
      cursor: 'c',
    },
  ]);
  expect(await problemOf(await send('GET', '/api/audit?since=tomorrow'))).toMatchObject({ status: 400 });
  const headers = { authorization: `Bearer ${tokenOf('release-manager')}` };
  expect((await send('GET', '/api/audit', { headers })).status).toBe(403);
});
