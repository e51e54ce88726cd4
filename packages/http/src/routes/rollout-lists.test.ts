import { expect, test } from 'vitest';
import { rolloutView } from '../../test/fake-rollouts.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

const many = (count: number) => {
  const api = startApi();
  for (let n = 1; n <= count; n += 1) api.coordinator.rollouts.set(rolloutView({ id: `rol_${n}`, completedAt: null }));
  const read = async (path: string) =>
    (await (await api.send('GET', path)).json()) as { rollouts: { id: string }[]; total: number };
  return { ...api, read, calls: api.coordinator.rollouts.calls };
};

test('[defect 19] pages count from 1, newest first', async () => {
  const { read } = many(5);
  for (const path of ['/api/agents/writer/rollouts', '/api/rollouts']) {
    const first = await read(`${path}?page=1&perPage=2`);
    expect(first).toMatchObject({ total: 5, page: 1, perPage: 2, rollouts: [{ id: 'rol_5' }, { id: 'rol_4' }] });
    expect(await read(`${path}?page=3&perPage=2`)).toMatchObject({ rollouts: [{ id: 'rol_1' }] });
  }
});

test.each(['false', '0'])('[defect 32] perPage=%s is all of them', async (perPage) => {
  const { read } = many(130);
  const all = await read(`/api/rollouts?perPage=${perPage}`);
  expect([all.rollouts.length, all.total]).toEqual([130, 130]);
  expect(all).toHaveProperty('perPage', false);
});

test('a page has 20 unless another size is asked for, and at most 100', async () => {
  const { read, calls } = many(1);
  await read('/api/agents/writer/rollouts');
  await read('/api/rollouts?perPage=5000');
  expect(calls.map(({ args }) => args)).toEqual([
    ['writer', 1, 20],
    [undefined, 1, 100],
  ]);
});

test.each(['page=0', 'page=-1', 'page=1.5', 'page=x', 'perPage=-1', 'perPage=all', 'perPage=', 'size=3'])(
  'refuses the query %s and names the field',
  async (query) => {
    const problem = await problemOf(await startApi().send('GET', `/api/rollouts?${query}`));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_argument' });
    expect(JSON.stringify(problem.body['problems'])).toContain(query.split('=')[0]);
  },
);

test('[defect 55] results stay after the end, of the last rollout or of the one that is named', async () => {
  const { send, calls } = many(1);
  await send('POST', '/api/agents/writer/rollout/rollback');
  const named = await send('GET', '/api/agents/writer/rollout/results?rolloutId=rol_1');
  expect(await named.json()).toMatchObject({ rolloutId: 'rol_1', status: 'rolled_back' });
  expect(calls.at(-1)).toEqual({ name: 'results', args: ['writer', 'rol_1'] });
});

test('reads one rollout by its id, also one that has ended', async () => {
  const { send } = many(2);
  expect(await (await send('GET', '/api/rollouts/rol_1')).json()).toMatchObject({ id: 'rol_1' });
  expect((await send('GET', '/api/rollouts/rol_9')).status).toBe(404);
  expect((await send('GET', '/api/rollouts/%00')).status).toBe(404);
});

test('observations come page by page, with instants as text and the labels of the arms', async () => {
  const { send, calls } = many(1);
  const query = 'rolloutId=rol_1&metric=score%3Apolite&limit=7&cursor=c';
  const page = await (await send('GET', `/api/agents/writer/rollout/observations?${query}`)).json();
  expect(page).toEqual({
    items: [
      {
        seq: 1,
        unit: 'f'.repeat(32),
        arm: 1,
        armLabel: 'candidate',
        epoch: 1,
        metric: 'error',
        value: null,
        runId: 'run_1',
        assignedAt: '1970-01-01T00:00:00.000Z',
        at: '1970-01-01T00:00:01.000Z',
      },
    ],
    nextCursor: 'next',
    rolloutId: 'rol_1',
    arms: ['stable', 'candidate'],
  });
  expect(calls.at(-1)?.args[1]).toEqual({ limit: 7, rolloutId: 'rol_1', metric: 'score:polite', cursor: 'c' });
});
