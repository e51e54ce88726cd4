import type { Meter } from '@skein/ports';
import { createScene, dagOf, stepOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { openPeers, pass } from '../../test/peer-scene.ts';

const gpu = { workerSelector: { pool: 'gpu' } };

/** What was shown last, by pool. */
const recorder = () => {
  const pools: { [pool: string]: number } = {};
  const meter: Meter = {
    count: () => undefined,
    observe: () => undefined,
    gauge: (name, value, labels) => {
      if (name === 'skein_pool_tasks') pools[String(labels?.['pool'])] = value;
    },
  };
  return { pools, meter };
};

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

test('counts what runs and what could run by pool, also while there is no worker, and 0 once it is over', async () => {
  const { pools, meter } = recorder();
  const dags = [
    dagOf([stepOf('f', { ...gpu, foreach: { items: [1, 2, 3, 4, 5], maxConcurrent: 5 } })], { name: 'fan' }),
    dagOf([stepOf('a', { workerSelector: { zone: 'a' } }), stepOf('b', { depends: ['a'] })], { name: 'plain' }),
  ];
  const scene = await createScene({ dags, deps: { meter } });
  ends.push(() => scene.close());
  await scene.clock.advance(1_000);
  expect(pools).toEqual({ default: 0 });
  await scene.submit('fan');
  await scene.submit('plain');
  await scene.clock.advance(1_000);
  // What depends on a step that has not ended cannot run yet.
  expect(pools).toEqual({ gpu: 5, default: 1 });
  const worker = await scene.join({ slots: 2, labels: { pool: 'gpu' } });
  expect(worker.offers).toHaveLength(2);
  for (let place = 0; place < 5; place += 1) {
    await scene.clock.advance(1_000);
    worker.beat();
    expect(pools).toEqual({ gpu: 5 - place, default: 1 });
    await scene.answer(worker, place);
  }
  await scene.clock.advance(1_000);
  expect(pools).toEqual({ gpu: 0, default: 1 });
});

test('does not grow with the names that DAGs think of', async () => {
  const { pools, meter } = recorder();
  const steps = Array.from({ length: 150 }, (_, n) => stepOf(`s${n}`, { workerSelector: { pool: `p${n}` } }));
  const scene = await createScene({ dags: [dagOf(steps, { name: 'many' })], deps: { meter } });
  ends.push(() => scene.close());
  await scene.submit('many');
  await scene.clock.advance(1_000);
  expect(Object.keys(pools).length).toBeLessThanOrEqual(101);
  expect(pools['other']).toBe(51);
});

test('is counted by the home of a run, not where the worker is', async () => {
  const shown = { a: recorder(), b: recorder() };
  const scene = await openPeers(['a', 'b'], { deps: (id) => ({ meter: shown[id === 'a' ? 'a' : 'b'].meter }) });
  ends.push(() => scene.close());
  const worker = await scene.join('b');
  await scene.submit('a', 'wide');
  await pass(scene, 1_500, worker);
  expect(worker.offers.length).toBeGreaterThan(0);
  expect(shown.a.pools['default']).toBeGreaterThanOrEqual(worker.offers.length);
  expect(shown.b.pools).toEqual({ default: 0 });
});
