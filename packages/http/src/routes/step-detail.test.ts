import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const start = async () => {
  const api = startApi();
  await api.send('POST', '/api/runs', { body: { dag: 'hello' } });
  api.coordinator.setSteps('run_1', { id: 'write', status: 'succeeded', attempt: 1, outputs: {} });
  const show = async (step: string) => (await api.send('GET', `/api/runs/run_1/steps/${step}`)).json();
  return { ...api, show };
};

test('a step comes with its detail; the texts only when they are asked for', async () => {
  const { show } = await start();
  const plain = await show('write');
  expect(plain).toMatchObject({ step: { id: 'write', attempt: 1 }, detail: { turns: [{ messages: ['msg_1'] }] } });
  expect(JSON.stringify(plain)).not.toContain('hello');
  expect(await show('write?transcript=true')).toMatchObject({ detail: { turns: [{ text: 'hello' }] } });
});

test('an item is found by its index', async () => {
  const { show } = await start();
  for (const index of [0, 2]) {
    expect(await show(`triage%5B${index}%5D`)).toMatchObject({ step: { id: `triage[${index}]` } });
  }
});

test.each(['none', '@exit', 'triage%5B3%5D', 'triage%5B999999%5D'])('the step %s is not found', async (step) => {
  const { send } = await start();
  expect(await problemOf(await send('GET', `/api/runs/run_1/steps/${step}`))).toMatchObject({ code: 'not_found' });
});

test('the effect ledger comes in pages', async () => {
  const { send } = await start();
  const first = (await (await send('GET', '/api/runs/run_1/effects?limit=2')).json()) as { nextCursor: string };
  expect(first).toMatchObject({ items: [{ status: 'done' }, { status: 'done' }], nextCursor: '2' });
  const rest = await send('GET', `/api/runs/run_1/effects?limit=2&cursor=${first.nextCursor}`);
  expect(await rest.json()).toMatchObject({ items: [{ status: 'unknown' }], nextCursor: null });
  expect((await send('GET', '/api/runs/run_9/effects')).status).toBe(404);
});
