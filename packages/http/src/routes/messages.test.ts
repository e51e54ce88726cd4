import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const start = async () => {
  const api = startApi();
  await api.send('POST', '/api/runs', { body: { dag: 'hello' } });
  return api;
};
const item = '/api/runs/run_1/steps/triage%5B3%5D/messages';

test('a message to an item is stored with who sent it, and says where it is', async () => {
  const { send } = await start();
  const response = await send('POST', item, { body: { text: 'hurry', mode: 'interrupt', wantsReply: true } });
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe(`${item}/msg_1`);
  const message = await response.json();
  expect(message).toMatchObject({ step: 'triage[3]', sender: 'admin', mode: 'interrupt', wantsReply: true });
  expect(await (await send('GET', `${item}/msg_1`)).json()).toEqual(message);
  expect(await (await send('GET', `${item}?limit=1`)).json()).toEqual({ items: [message], nextCursor: null });
});

test.each(['@failure', '%40failure'])('a handler is named by its path, also when it is written %s', async (handler) => {
  const { send, coordinator } = await start();
  expect((await send('POST', `/api/runs/run_1/steps/${handler}/messages`, { body: { text: 'a' } })).status).toBe(201);
  expect(coordinator.delivery.messages[0]?.step).toBe('@failure');
});

test('sending it again with its id, in the body or as Idempotency-Key, is one message', async () => {
  const { send, coordinator } = await start();
  const body = { text: 'once', messageId: 'note:7' };
  const headers = { 'idempotency-key': 'note:7' };
  const statuses = [
    await send('POST', item, { body }),
    await send('POST', item, { body }),
    await send('POST', item, { body: { text: 'once' }, headers }),
    await send('POST', item, { body: { text: 'other' }, headers }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([201, 200, 200, 409]);
  expect(coordinator.delivery.messages).toHaveLength(1);
});

test('two ids that differ, and a key that is no id, are refused before anything is sent', async () => {
  const { send, coordinator } = await start();
  const differing = await send('POST', item, {
    body: { text: 'a', messageId: 'x' },
    headers: { 'idempotency-key': 'y' },
  });
  expect(await problemOf(differing)).toMatchObject({ status: 400, code: 'invalid_argument' });
  const spaced = await problemOf(
    await send('POST', item, { body: { text: 'a' }, headers: { 'idempotency-key': 'a b' } }),
  );
  expect(spaced).toMatchObject({ status: 400, body: { problems: [{ field: 'Idempotency-Key' }] } });
  expect(coordinator.delivery.messages).toEqual([]);
});

test.each([
  [{}, 'text'],
  [{ text: '' }, 'text'],
  [{ text: 'a', mode: 'manual' }, 'mode'],
  [{ text: 'a', ttlMs: 0 }, 'ttlMs'],
  [{ text: 'a', messageId: 'a b' }, 'messageId'],
])('refuses the message %j and names the field', async (body, field) => {
  const { send } = await start();
  const problem = await problemOf(await send('POST', item, { body }));
  expect(problem).toMatchObject({ status: 400, body: { problems: [{ field }] } });
});

test('a full mailbox says how deep and how old it is, and when to come back', async () => {
  const { send } = await start();
  const response = await send('POST', '/api/runs/run_1/steps/full/messages', { body: { text: 'a' } });
  expect(response.headers.get('retry-after')).toBe('5');
  expect(await problemOf(response)).toMatchObject({
    status: 429,
    code: 'mailbox_full',
    body: { details: { depth: 100, oldestAgeMs: 61_000, retryAfterMs: 5_000 } },
  });
});

test('a finished step is a conflict; an unknown run and a path that names no step are not found', async () => {
  const { send } = await start();
  const to = async (path: string) => (await problemOf(await send('POST', path, { body: { text: 'a' } }))).code;
  expect(await to('/api/runs/run_1/steps/done/messages')).toBe('illegal_transition');
  expect(await to('/api/runs/run_9/steps/a/messages')).toBe('not_found');
  expect(await to('/api/runs/run_1/steps/a%5Bx%5D/messages')).toBe('not_found');
});

test('answers when the message was consumed, or replied to, if the caller wants to wait', async () => {
  const { send, coordinator } = await start();
  await send('POST', item, { body: { text: 'a' } });
  const consumed = send('GET', `${item}/msg_1?waitMs=60000`);
  const replied = send('GET', `${item}/msg_1?waitMs=60000&until=reply`);
  while (coordinator.delivery.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
  coordinator.delivery.change('msg_1', { state: 'consumed', turn: 4 });
  expect(await (await consumed).json()).toMatchObject({ state: 'consumed', turn: 4 });
  expect(coordinator.delivery.waiting).toBe(1);
  coordinator.delivery.change('msg_1', { state: 'replied', reply: { text: 'ok', at: '2026-11-02T03:04:05.000Z' } });
  expect(await (await replied).json()).toMatchObject({ state: 'replied', reply: { text: 'ok' } });
  expect((await send('GET', `${item}/msg_1?waitMs=60001`)).status).toBe(400);
  expect((await send('GET', `${item}/msg_1?until=read`)).status).toBe(400);
});

test('waits for messages hold at most half of the places, so that waits for runs find one', async () => {
  const { send, coordinator, server } = startApi({ maxWaits: 4 });
  await send('POST', '/api/runs', { body: { dag: 'hello' } });
  await send('POST', item, { body: { text: 'a' } });
  const waiting = [1, 2].map(() => send('GET', `${item}/msg_1?waitMs=60000`));
  while (coordinator.delivery.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await problemOf(await send('GET', `${item}/msg_1?waitMs=1`))).toMatchObject({ code: 'resource_exhausted' });
  expect((await send('GET', `${item}/msg_1`)).status).toBe(200);
  coordinator.finish('run_1');
  expect((await send('GET', '/api/runs/run_1?waitMs=1')).status).toBe(200);
  coordinator.delivery.change('msg_1', { state: 'consumed', turn: 1 });
  await Promise.all(waiting);
  expect((await send('GET', `${item}/msg_1?waitMs=1`)).status).toBe(200);
  await server.close();
});
