import { defaultTenant } from '@skein/domain';
import { createFleetScene, dagOf, type FleetScene, stepOf, taskOf } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], { name: 'single' });
const chain = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });
const wide = dagOf(
  ['a', 'b', 'c', 'd'].map((id) => stepOf(id)),
  { name: 'wide' },
);

let scene: FleetScene;

afterEach(() => scene.close());

const open = async (...ids: readonly string[]): Promise<FleetScene> => {
  scene = await createFleetScene({ dags: [single, chain, wide], peers: true });
  for (const id of ids) await scene.start(id);
  await scene.settledAt(ids);
  await scene.clock.advance(500);
  return scene;
};

const passed = (from: string, type: string) =>
  scene.passed.filter((one) => one.from === from && one.message.type === type);

describe('a task of a run at home elsewhere', () => {
  test('goes to a free worker of a peer, and its result to the home', async () => {
    await open('a', 'b');
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'single');
    await scene.clock.advance(20);
    expect(worker.offers.map((offer) => offer.runId)).toEqual([runId]);
    const [offer] = worker.offers;
    worker.start(offer!);
    worker.finish(offer!);
    worker.credits(1);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect(await scene.of('b').api.getRun(defaultTenant, runId)).toMatchObject({ status: 'succeeded' });
  });

  test('of a chain follows in the same frame, without another wish', async () => {
    await open('a', 'b');
    const worker = await scene.join('b');
    await scene.submit('a', 'chain');
    await scene.clock.advance(20);
    scene.passed.length = 0;
    worker.start(worker.offers[0]!);
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await scene.settle();
    expect(worker.offers.map(({ step }) => step)).toEqual(['a', 'b']);
    expect(passed('a', 'wish')).toEqual([]);
    expect(passed('b', 'grant')).toHaveLength(1);
  });

  test('never goes beyond the slots of the worker', async () => {
    await open('a', 'b', 'c');
    const worker = await scene.join('c', { slots: 2 });
    await scene.submit('a', 'wide');
    await scene.submit('b', 'wide');
    await scene.submit('c', 'wide');
    await scene.clock.advance(1_000);
    expect(worker.offers).toHaveLength(2);
    const runs = new Set<string>();
    for (let at = 0; at < 12; at += 1) {
      const offer = worker.offers[at];
      runs.add(offer!.runId);
      worker.start(offer!);
      worker.finish(offer!);
      worker.credits(1);
      worker.beat();
      await scene.clock.advance(100);
      expect(worker.offers.length).toBeLessThanOrEqual(at + 3);
    }
    expect(runs.size).toBe(3);
  });
});

test('a worker is told to stop through its holder', async () => {
  await open('a', 'b');
  const worker = await scene.join('b');
  const runId = await scene.submit('a', 'single');
  await scene.clock.advance(20);
  worker.start(worker.offers[0]!);
  await scene.finish(scene.of('a').api.cancelRun(defaultTenant, runId, 'me'));
  await scene.settle();
  expect(worker.of('cancel').map(({ task }) => task)).toEqual([taskOf(worker.offers[0]!)]);
});
