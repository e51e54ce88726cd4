import { DomainError, defaultTenant } from '@skein/domain';
import { createScene, dagOf, deliveryEvent, stepOf } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { defaultCoordinatorConfig } from './coordinator-deps.ts';

const dag = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'two' });

const setUp = async ({ eventMs = 60_000 } = {}) => {
  const retention = { runMs: 60_000, eventMs, maxEvents: 10, sweepMs: 1_000 };
  const scene = await createScene({ dags: [dag], config: { ...defaultCoordinatorConfig, retention } });
  onTestFinished(() => scene.close());
  return scene;
};

test('a finished run keeps its last state when its facts are gone, also after a restart, and can be retried', async () => {
  const scene = await setUp();
  const worker = await scene.join();
  const runId = await scene.submit('two');
  const open = await scene.submit('two');
  await scene.answer(worker, 0);
  await scene.answer(worker, 1, { status: 'failed', error: { code: 'unprocessable', message: 'no' } });
  const failed = (await scene.status(runId)) === 'failed' ? runId : open;
  const before = await scene.view(failed);
  expect(before.status).toBe('failed');
  await scene.clock.advance(90_000);
  expect(await scene.facts(failed)).toEqual([]);
  const other = failed === runId ? open : runId;
  expect((await scene.facts(other)).length).toBeGreaterThan(0);
  await scene.restart();
  expect(await scene.view(failed)).toEqual(before);
  const again = await scene.coordinator.retryRun(defaultTenant, failed, { by: 'me' });
  expect(again.retryOf).toBe(failed);
});

test.each([
  ['after a time', 60_000, 0],
  ['at no time, but for their number', 0, 3],
])('delivery events go %s', async (_, eventMs, left) => {
  const scene = await setUp({ eventMs });
  await scene.stores.delivery.appendEvents([1, 2, 3].map((index) => deliveryEvent(`msg_${index}`)));
  await scene.clock.advance(90_000);
  const { items } = await scene.coordinator.readDeliveryEvents(defaultTenant, 0, 9);
  expect(items).toHaveLength(left);
});

test('a reader of the events of a run whose facts are gone is told of the gap', async () => {
  const scene = await setUp();
  const worker = await scene.join();
  const runId = await scene.submit('two');
  await scene.answer(worker, 0, { status: 'failed', error: { code: 'unprocessable', message: 'no' } });
  expect(await scene.status(runId)).toBe('failed');
  await scene.clock.advance(90_000);
  const events = [];
  for await (const event of scene.coordinator.watchRun(defaultTenant, runId, 0, new AbortController().signal))
    events.push(event);
  expect(events.map(({ type }) => type)).toEqual(['gap']);
});

test('what only the log of a run knows is said to be removed when it is, never shown as empty', async () => {
  const scene = await setUp();
  const worker = await scene.join();
  const runId = await scene.submit('two');
  await scene.answer(worker, 0, { status: 'failed', error: { code: 'unprocessable', message: 'no' } });
  const { coordinator } = scene;
  const asked = () => [
    coordinator.describeStep(defaultTenant, runId, 'a', { transcript: true }),
    coordinator.listEffects(defaultTenant, runId, 10),
    coordinator.listMessages(defaultTenant, runId, 'a'),
  ];
  await expect(Promise.all(asked())).resolves.toHaveLength(3);
  await scene.clock.advance(90_000);
  const removed = { status: 'rejected', reason: { code: 'not_found', details: { reason: 'pruned' } } };
  expect(await Promise.allSettled(asked())).toMatchObject([removed, removed, removed]);
});

test('runs that cannot be folded keep no others from being folded, however many they are', async () => {
  const scene = await setUp();
  const { runs } = scene.stores;
  const list = runs.listPrunable.bind(runs);
  const readHead = runs.readHead.bind(runs);
  const worker = await scene.join();
  const runId = await scene.submit('two');
  await scene.answer(worker, 0, { status: 'failed', error: { code: 'unprocessable', message: 'no' } });
  const head = (await readHead(defaultTenant, runId))!;
  const damaged = Array.from({ length: 150 }, (_, place) => ({ ...head, runId: `run_bad${place}` }));
  runs.listPrunable = async (before, limit) => [...damaged, ...(await list(before, 1_000))].slice(0, limit);
  runs.readHead = (tenant, id) =>
    id.startsWith('run_bad')
      ? Promise.reject(new DomainError('data_corrupt', 'damaged', { runId: id }))
      : readHead(tenant, id);
  await scene.clock.advance(90_000);
  expect(await scene.facts(runId)).toEqual([]);
  expect(scene.lines.filter(({ message }) => message === 'a finished run cannot be folded')).toHaveLength(150);
});
