import { describe, expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const scopes = (scope: string, more = '') => `/api/memory/scopes?scope=${encodeURIComponent(scope)}${more}`;
const proposal = `/api/memory/proposals/${encodeURIComponent('run_1:write[3]:1:0')}`;

describe('a memory scope', () => {
  test('is written, read and listed', async () => {
    const { send } = startApi();
    const put = await send('PUT', scopes('agent/writer'), { body: { text: 'Be brief.' } });
    expect(put.status).toBe(200);
    expect(await put.json()).toMatchObject({ revision: 1, change: { kind: 'set', by: 'admin' } });
    expect(await (await send('GET', scopes('agent/writer'))).json()).toMatchObject({ text: 'Be brief.' });
    expect(await (await send('GET', '/api/memory')).json()).toEqual({
      items: [{ scope: 'agent/writer', revision: 1, bytes: 9 }],
      nextCursor: null,
    });
    const history = await (await send('GET', '/api/memory/history?scope=agent/writer')).json();
    expect(history).toMatchObject({ items: [{ revision: 1 }], nextCursor: null });
    expect(JSON.stringify(history)).not.toContain('Be brief.');
  });

  test('is not written over another revision than the expected one', async () => {
    const { send } = startApi();
    await send('PUT', scopes('global'), { body: { text: 'a', expectedRevision: 0 } });
    const again = await send('PUT', scopes('global'), { body: { text: 'b', expectedRevision: 0 } });
    expect(await problemOf(again)).toMatchObject({ status: 409, code: 'version_conflict' });
  });

  test('of the largest size is written, also when every character of it is escaped', async () => {
    const { send, coordinator } = startApi();
    const body = `{"text":"${'\\u0061'.repeat(64 * 1024)}"}`;
    expect((await send('PUT', scopes('global'), { body })).status).toBe(200);
    expect(JSON.stringify([...coordinator.memory.values()])).toContain('a'.repeat(64 * 1024));
  });

  test('that does not exist is not found, and neither is a revision', async () => {
    const { send } = startApi();
    expect((await send('GET', scopes('global'))).status).toBe(404);
    await send('PUT', scopes('global'), { body: { text: 'a' } });
    expect((await send('GET', scopes('global', '&revision=2'))).status).toBe(404);
    expect((await send('GET', scopes('global', '&revision=1'))).status).toBe(200);
  });

  test.each(['', 'nonsense', 'agent/../x'])('may not be called %j', async (scope) => {
    const problem = await problemOf(await startApi().send('GET', scopes(scope)));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_argument' });
    expect(JSON.stringify(problem.body['problems'])).toContain('scope');
  });

  test.each([{}, { text: 1 }, { text: 'a', revision: 1 }, { text: 'a', expectedRevision: -1 }])(
    'is not written from %j',
    async (body) => {
      const { send, coordinator } = startApi();
      expect((await send('PUT', scopes('global'), { body })).status).toBe(400);
      expect(coordinator.memory.size).toBe(0);
    },
  );
});

describe('proposals', () => {
  test('are listed by scope, status and run', async () => {
    const { send, coordinator } = startApi();
    const query = 'scope=agent/writer&status=review&runId=run_1&limit=5';
    const page = (await (await send('GET', `/api/memory/proposals?${query}`)).json()) as { items: unknown[] };
    expect(page).toMatchObject({ items: [{ proposalId: 'run_1:write[3]:1:0' }], nextCursor: null });
    expect(coordinator.asked).toEqual([{ scope: 'agent/writer', status: 'review', runId: 'run_1', limit: 5 }]);
    expect((await send('GET', '/api/memory/proposals?status=folding')).status).toBe(400);
  });

  test('are approved and rejected by ids that hold brackets', async () => {
    const { send } = startApi();
    expect(await (await send('POST', `${proposal}/approve`)).json()).toMatchObject({ status: 'folded' });
    expect(await (await send('POST', `${proposal}/reject`)).json()).toMatchObject({ status: 'rejected' });
    expect((await send('POST', '/api/memory/proposals/nothing/approve')).status).toBe(404);
  });

  test('of a handler can be named', async () => {
    const { send } = startApi();
    const ofHandler = encodeURIComponent('run_1:@failure:1:00');
    const { body } = await problemOf(await send('POST', `/api/memory/proposals/${ofHandler}/approve`));
    expect(body).toMatchObject({ detail: 'no proposal has this id' });
  });
});

test('a run is reverted, and what waits is folded', async () => {
  const { send } = startApi();
  expect((await send('POST', '/api/runs/run_9/memory/revert')).status).toBe(404);
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  expect(await (await send('POST', '/api/runs/run_1/memory/revert')).json()).toEqual({ runId: 'run_1', scopes: [] });
  expect(await (await send('POST', '/api/memory/fold')).json()).toMatchObject({ items: [{ scope: 'global' }] });
  expect(await (await send('POST', '/api/memory/fold', { body: { scope: 'dag/x' } })).json()).toMatchObject({
    items: [{ scope: 'dag/x' }],
  });
});

test.each([
  ['GET', '/api/memory?cursor=nonsense'],
  ['GET', '/api/memory/history?scope=global&cursor=nonsense'],
])('%s %s refuses a cursor that is not its own', async (method, path) => {
  const { send } = startApi();
  await send('PUT', scopes('global'), { body: { text: 'a' } });
  expect(await problemOf(await send(method, path))).toMatchObject({ status: 400, code: 'invalid_argument' });
});

test.each([
  ['GET', '/api/memory'],
  ['PUT', '/api/memory/scopes?scope=global'],
  ['POST', '/api/memory/fold'],
  ['POST', '/api/runs/run_1/memory/revert'],
  ['POST', `${proposal}/approve`],
])('%s %s needs a token', async (method, path) => {
  const { send, coordinator } = startApi();
  const body = method === 'GET' ? {} : { body: { text: 'x' } };
  const response = await send(method, path, { headers: { authorization: 'Bearer wrong' }, ...body });
  expect(response.status).toBe(401);
  expect(coordinator.memory.size).toBe(0);
});
