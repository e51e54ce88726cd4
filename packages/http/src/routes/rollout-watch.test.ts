import { DomainError } from '@skein/domain';
import { expect, test } from 'vitest';
import { rolloutView } from '../../test/fake-rollouts.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

const path = '/api/agents/writer/rollout/watch';

const reading = (response: Response) => {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const next = async () => {
    const { done, value } = await reader.read();
    return done ? undefined : new TextDecoder().decode(value);
  };
  return { next, cancel: () => reader.cancel() };
};
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

test('streams the rollout as it is, then each change, and ends with it', async () => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(rolloutView());
  const response = await send('GET', path);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const { next } = reading(response);
  expect(await next()).toMatch(/^id: rol_1\.1\nevent: rollout\ndata: \{"id":"rol_1".*\}\n\n$/);
  await send('POST', '/api/agents/writer/rollout/pause');
  expect(await next()).toContain('"status":"paused"');
  await send('POST', '/api/agents/writer/rollout/rollback');
  expect(await next()).toMatch(/^id: rol_1\.3\n.*"status":"rolled_back"/s);
  expect(await next()).toBeUndefined();
  await until(() => coordinator.rollouts.watching === 0);
});

test('a reader that comes back after the end gets the last state, also when another rollout began', async () => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(
    rolloutView({ status: 'rolled_back', completedAt: '2026-11-02T03:04:05.000Z', revision: 9 }),
  );
  const headers = { 'last-event-id': 'rol_1.4' };
  const last = await (await send('GET', path, { headers })).text();
  expect(last).toMatch(/^id: rol_1\.9\n/);
  coordinator.rollouts.set(rolloutView({ id: 'rol_2' }));
  expect(await (await send('GET', path, { headers })).text()).toBe(last);
});

test('one that comes back while it lives gets it as it is now', async () => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(rolloutView({ revision: 5 }));
  const { next, cancel } = reading(await send('GET', path, { headers: { 'last-event-id': 'rol_1.4' } }));
  expect(await next()).toMatch(/^id: rol_1\.5\n/);
  await cancel();
  await until(() => coordinator.rollouts.watching === 0);
});

test('one that has ended already is told once', async () => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(rolloutView({ status: 'completed', completedAt: '2026-11-02T03:04:05.000Z', revision: 4 }));
  expect(await (await send('GET', path)).text()).toMatch(/^id: rol_1\.4\n.*\n.*"status":"completed"/);
});

test('an agent without a rollout has nothing to watch; so has one whose rollout the reader never saw', async () => {
  const { send } = startApi();
  expect(await problemOf(await send('GET', path))).toMatchObject({ status: 404 });
  expect(await problemOf(await send('GET', path, { headers: { 'last-event-id': 'rol_9.1' } }))).toMatchObject({
    status: 404,
  });
});

test.each(['7', 'rol_1', '../x.1', 'rol_1.x', 'a'.repeat(100)])('refuses the id %s to resume after', async (id) => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(rolloutView());
  expect(await problemOf(await send('GET', path, { headers: { 'last-event-id': id } }))).toMatchObject({ status: 400 });
});

test('a comment comes while nothing happens', async () => {
  const { send, coordinator } = startApi({ heartbeatMs: 5 });
  coordinator.rollouts.set(rolloutView());
  const { next, cancel } = reading(await send('GET', path));
  await next();
  expect(await next()).toBe(': still here\n\n');
  await cancel();
});

test('a stream whose token is revoked ends with the next heartbeat, not with what it watches', async () => {
  const { send, coordinator } = startApi({ heartbeatMs: 5 });
  coordinator.rollouts.set(rolloutView());
  const { next } = reading(await send('GET', path));
  await next();
  expect(await next()).toBe(': still here\n\n');
  coordinator.authenticate = () => Promise.reject(new DomainError('unavailable', 'the store is away'));
  for (let beats = 0; beats < 5; beats += 1) expect(await next()).toBe(': still here\n\n');
  coordinator.authenticate = () => Promise.reject(new DomainError('unauthenticated', 'the token is not valid'));
  await expect.poll(next).toBeUndefined();
});

test('streams are bounded, and a place is free again when its reader leaves', async () => {
  const { send, coordinator } = startApi({ maxStreams: 1 });
  coordinator.rollouts.set(rolloutView());
  const first = reading(await send('GET', path));
  await first.next();
  expect(await problemOf(await send('GET', path))).toMatchObject({ status: 429, code: 'resource_exhausted' });
  await first.cancel();
  const again = await send('GET', path);
  expect(again.status).toBe(200);
  await again.body?.cancel();
});

test('events are read by cursor; with waitMs the answer comes with the next one', async () => {
  const { send, coordinator } = startApi({ logPollMs: 1 });
  const { eventLog } = coordinator.rollouts;
  const { explanation, revision } = rolloutView();
  const head = { tenant: 'default', rolloutId: 'rol_1', agentId: 'writer', revision, type: 'created', at: 0 } as const;
  const event = (seq: number) => ({ ...head, seq, by: { actor: 'admin' }, reason: 'requested', explanation }) as const;
  eventLog.push(event(1), event(2));
  const read = async (query: string) => (await send('GET', `/api/rollout-events?${query}`)).json();
  const { tenant: _tenant, ...shown } = event(2);
  expect(await read('after=1')).toEqual({ items: [{ ...shown, at: '1970-01-01T00:00:00.000Z' }], next: 2 });
  expect(await read('after=2')).toEqual({ items: [], next: 2 });
  expect(await read('after=2&waitMs=5')).toEqual({ items: [], next: 2 });
  const waiting = read('after=2&waitMs=60000');
  eventLog.push(event(3));
  expect(await waiting).toMatchObject({ items: [{ seq: 3 }], next: 3 });
  for (const query of ['after=-1', 'limit=0', 'waitMs=60001', 'agent=x']) {
    expect((await send('GET', `/api/rollout-events?${query}`)).status, query).toBe(400);
  }
});

test('waits for events are bounded like other waits', async () => {
  const { send } = startApi({ maxWaits: 0 });
  expect((await send('GET', '/api/rollout-events?waitMs=10')).status).toBe(429);
  expect((await send('GET', '/api/rollout-events')).status).toBe(200);
});
