import { expect, test } from 'vitest';
import { deadTask } from '../../test/fake-delivery.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

const letter = `/api/dead-letters/${encodeURIComponent(deadTask.id)}`;

test('lists dead letters with the filters of the query, and shows instants as text', async () => {
  const { send, coordinator } = startApi();
  const query = 'status=open&kind=task&reason=poison&runId=run_1&limit=7&cursor=c';
  const page = await (await send('GET', `/api/dead-letters?${query}`)).json();
  const { tenant: _tenant, ...shown } = deadTask;
  const at = '2026-11-02T03:04:05.000Z';
  expect(page).toEqual({
    items: [{ ...shown, at, history: [{ at, what: 'worker_exited', workerId: 'wrk_1' }] }],
    nextCursor: null,
  });
  expect(coordinator.delivery.asked).toEqual([
    { tenant: 'default', status: 'open', kind: 'task', reason: 'poison', runId: 'run_1', limit: 7, cursor: 'c' },
  ]);
});

test.each(['status=gone', 'kind=run', 'reason=bad', 'limit=0'])('refuses the filter %s', async (query) => {
  expect((await startApi().send('GET', `/api/dead-letters?${query}`)).status).toBe(400);
});

test.each([letter, `/api/dead-letters/${deadTask.id}`])(
  'reads a dead letter by an id with colons: %s',
  async (path) => {
    expect(await (await startApi().send('GET', path)).json()).toMatchObject({ id: deadTask.id, step: 'triage[3]' });
  },
);

test('a dry redrive changes nothing, a redrive says who and where, a second one is a conflict', async () => {
  const { send } = startApi();
  const dry = await (await send('POST', `${letter}/redrive`, { body: { dryRun: true } })).json();
  expect(dry).toMatchObject({ dryRun: true, runId: 'run_2', deadLetter: { status: 'open' } });
  const done = await (await send('POST', `${letter}/redrive`)).json();
  expect(done).toMatchObject({
    dryRun: false,
    runId: 'run_2',
    deadLetter: { status: 'redriven', settledBy: 'admin', settledAt: '2026-11-02T03:04:05.000Z' },
  });
  expect(await problemOf(await send('POST', `${letter}/redrive`))).toMatchObject({ code: 'illegal_transition' });
});

test('a message is redriven to the step of the run that the caller names', async () => {
  const { send } = startApi();
  const done = await (await send('POST', `${letter}/redrive`, { body: { runId: 'run_8' } })).json();
  expect(done).toMatchObject({ runId: 'run_8' });
});

test('purges once; an unknown one, and an id that is none, are not found', async () => {
  const { send } = startApi();
  expect(await (await send('POST', `${letter}/purge`)).json()).toMatchObject({ status: 'purged', settledBy: 'admin' });
  expect(await problemOf(await send('POST', `${letter}/purge`))).toMatchObject({ status: 409 });
  expect(await problemOf(await send('GET', '/api/dead-letters/dl:x'))).toMatchObject({ status: 404 });
  expect(await problemOf(await send('GET', '/api/dead-letters/x'))).toMatchObject({ status: 404 });
});

test('reads delivery events by cursor, and says which ones retention removed', async () => {
  const { send, coordinator } = startApi();
  for (let seq = 1; seq <= 5; seq += 1) {
    const what = { tenant: 'default', kind: 'expired', at: 0, itemId: `msg_${seq}` } as const;
    coordinator.delivery.events.push({ ...what, seq, runId: 'run_1', step: 'a', reason: 'ttl_expired' });
  }
  const read = async (query: string) => (await send('GET', `/api/delivery-events?${query}`)).json();
  expect(await read('after=1&limit=2')).toEqual({
    items: [2, 3].map((seq) => ({
      seq,
      kind: 'expired',
      at: '1970-01-01T00:00:00.000Z',
      itemId: `msg_${seq}`,
      runId: 'run_1',
      step: 'a',
      reason: 'ttl_expired',
    })),
    next: 3,
    gap: null,
  });
  coordinator.delivery.removedEvents = 4;
  expect(await read('after=1')).toMatchObject({ items: [{ seq: 5 }], next: 5, gap: { from: 2, to: 4 } });
  expect(await read('after=9')).toEqual({ items: [], next: 9, gap: null });
});
