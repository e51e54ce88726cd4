import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const start = async () => {
  const api = startApi();
  await api.send('POST', '/api/runs', { body: { dag: 'hello' } });
  api.coordinator.delivery.approvals.push({
    runId: 'run_1',
    dag: 'hello',
    step: 'review',
    prompt: 'Publish?',
    input: [{ name: 'title', type: 'string', required: true }],
    since: '2026-11-02T03:04:05.000Z',
    rewind: ['write'],
    round: 0,
  });
  return api;
};
const path = '/api/runs/run_1/steps/review/approval';

test('lists what waits for a person, of one run or of all', async () => {
  const { send } = await start();
  const all = await (await send('GET', '/api/approvals')).json();
  expect(all).toMatchObject({ items: [{ step: 'review', prompt: 'Publish?', rewind: ['write'] }], nextCursor: null });
  expect(await (await send('GET', '/api/approvals?runId=run_1')).json()).toEqual(all);
  expect(await (await send('GET', '/api/approvals?runId=run_7')).json()).toEqual({ items: [], nextCursor: null });
});

test('hands on the answer with the name of who gave it', async () => {
  const { send, coordinator } = await start();
  const inputs = { title: 'One' };
  const approved = await send('POST', path, { body: { decision: 'approve', inputs, reason: 'fine' } });
  expect(await approved.json()).toMatchObject({ runId: 'run_1' });
  await send('POST', path, { body: { decision: 'reject', reason: 'no', round: 0 } });
  await send('POST', path, { body: { decision: 'push_back', to: 'write', feedback: 'shorter', round: 1 } });
  await send('POST', path, { body: { decision: 'push_back', feedback: 'shorter' } });
  expect(coordinator.delivery.answers.map(({ answer }) => answer)).toEqual([
    { decision: 'approve', inputs, reason: 'fine', by: 'admin' },
    { decision: 'reject', reason: 'no', by: 'admin', round: 0 },
    { to: 'write', feedback: 'shorter', by: 'admin', round: 1 },
    { feedback: 'shorter', by: 'admin' },
  ]);
});

test.each([
  [{}, 'decision'],
  [{ decision: 'maybe' }, 'decision'],
  [{ decision: 'push_back' }, 'feedback'],
  [{ decision: 'reject', inputs: {} }, 'inputs'],
  [{ decision: 'approve', feedback: 'x' }, 'feedback'],
])('refuses the answer %j and names the field', async (body, field) => {
  const { send, coordinator } = await start();
  const problem = await problemOf(await send('POST', path, { body }));
  expect(problem).toMatchObject({ status: 400, code: 'invalid_argument' });
  expect(JSON.stringify(problem.body['problems'])).toContain(field);
  expect(coordinator.delivery.answers).toEqual([]);
});

test('a step that does not wait is a conflict', async () => {
  const { send } = await start();
  const answer = await send('POST', '/api/runs/run_1/steps/write/approval', { body: { decision: 'approve' } });
  expect(await problemOf(answer)).toMatchObject({ status: 409, code: 'illegal_transition' });
});
