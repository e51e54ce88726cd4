import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const freeze = '/api/agents/writer/freeze';
const replays = '/api/agents/writer/replays';
const scores = '/api/runs/run_1/scores';

test('a score is recorded once: 201, then 200 with the one that there is', async () => {
  const { send } = startApi();
  const post = (value: number) =>
    send('POST', scores, { body: { scorer: 'polite', value, reason: 'kind', step: 'write[3]' } });
  const first = await post(0.9);
  expect(first.status).toBe(201);
  const score = {
    runId: 'run_1',
    agentId: 'writer',
    scorer: 'polite',
    step: 'write[3]',
    value: 0.9,
    by: 'admin',
    reason: 'kind',
    at: '2026-11-02T03:04:05.000Z',
  };
  expect(await first.json()).toMatchObject({ score, recorded: true, counted: true });
  const second = await post(0.1);
  expect(second.status).toBe(200);
  expect(await second.json()).toMatchObject({ score, recorded: false });
  expect(await (await send('GET', scores)).json()).toMatchObject({ items: [score] });
});

test.each([
  ['no number', { scorer: 'a', value: '1' }],
  ['an infinite number', '{"scorer":"a","value":1e999}'],
  ['no NaN', '{"scorer":"a","value":NaN}'],
  ['no scorer', { value: 1 }],
  ['an empty scorer', { scorer: '', value: 1 }],
  ['a scorer of 10 kB', { scorer: 'a'.repeat(10_240), value: 1 }],
  ['a field too many', { scorer: 'a', value: 1, versionId: 'v2' }],
])('refuses a score with %s', async (_what, body) => {
  const { send, coordinator } = startApi();
  expect(await problemOf(await send('POST', scores, { body }))).toMatchObject({ status: 400 });
  expect(coordinator.rollouts.scores).toEqual([]);
});

test('scores of an unknown run are 404', async () => {
  const { send } = startApi();
  expect((await send('GET', '/api/runs/run_9/scores')).status).toBe(404);
  expect((await send('POST', '/api/runs/run_9/scores', { body: { scorer: 'a', value: 1 } })).status).toBe(404);
});

test('a freeze is null, set with its reason and who did it, and ended, twice if need be', async () => {
  const { send } = startApi();
  expect(await (await send('GET', freeze)).json()).toBeNull();
  const set = { agentId: 'writer', by: 'admin', reason: 'on fire', at: '2026-11-02T03:04:05.000Z' };
  expect(await (await send('PUT', freeze, { body: { reason: 'on fire' } })).json()).toEqual(set);
  expect(await (await send('GET', freeze)).json()).toEqual(set);
  expect((await send('DELETE', freeze)).status).toBe(204);
  expect((await send('DELETE', freeze)).status).toBe(204);
  for (const body of [{}, { reason: '' }, { reason: 'x'.repeat(1_001) }, { reason: 'x', by: 'somebody else' }]) {
    expect((await send('PUT', freeze, { body })).status).toBe(400);
  }
});

test('a replay is started as it was asked to, and found under its agent only', async () => {
  const { send, coordinator } = startApi();
  const runs = { kind: 'low_score', below: 0.5 };
  const body = { candidate: 'v2', runs, limit: 50, mode: 'live', margin: 0.1, minPairs: 9 };
  const response = await send('POST', replays, { body });
  expect([response.status, response.headers.get('location')]).toEqual([201, `${replays}/rpl_1`]);
  expect(coordinator.rollouts.calls).toEqual([{ name: 'startReplay', args: ['writer', body, { actor: 'admin' }] }]);
  expect(await (await send('GET', replays)).json()).toMatchObject({ items: [{ id: 'rpl_1' }] });
  expect(await (await send('GET', `${replays}/rpl_1`)).json()).toMatchObject({ id: 'rpl_1', status: 'running' });
  expect((await send('GET', '/api/agents/bare/replays/rpl_1')).status).toBe(404);
});

test.each([
  [{ candidate: 'v2' }, 'runs'],
  [{ candidate: 'v2', runs: { kind: 'failed' }, limit: 501 }, 'limit'],
  [{ candidate: 'v2', runs: { kind: 'failed' }, minPairs: 0 }, 'minPairs'],
  [{ candidate: 'v2', runs: { kind: 'all' } }, 'runs.kind'],
  [{ candidate: 'v2', runs: { kind: 'low_score' } }, 'runs.below'],
  [{ candidate: '../v2', runs: { kind: 'failed' } }, 'candidate'],
])('refuses the replay %j and names the field', async (body, field) => {
  const problem = await problemOf(await startApi().send('POST', replays, { body }));
  expect(problem).toMatchObject({ status: 400, body: { problems: [{ field }] } });
});
