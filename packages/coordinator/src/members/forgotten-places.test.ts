import { createFleetScene, dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { defaultCoordinatorConfig } from '../engine/coordinator-deps.ts';

let scene: FleetScene;

afterEach(() => scene.close());

test('who held the stream of a worker is forgotten when the worker and its coordinator are long gone, by one coordinator', async () => {
  const prunes: string[] = [];
  scene = await createFleetScene({
    dags: [dagOf([stepOf('a')], { name: 'one' })],
    config: { retention: { ...defaultCoordinatorConfig.retention, sweepMs: 1_000, placeMs: 4_000 } },
    deps: (id) => ({
      places: new Proxy(scene.stores.places, {
        get: (target, name) => {
          if (name === 'prune') prunes.push(id);
          const member: unknown = Reflect.get(target, name, target);
          return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
        },
      }),
    }),
  });
  for (const id of ['a', 'b']) await scene.start(id);
  await scene.settledAt(['a', 'b']);
  const { places } = scene.stores;
  const held = await scene.join('a');
  await places.claim('default', 'wrk_gone', 'c', 'ses_gone');
  await places.claim('rivals', 'wrk_gone', 'c', 'ses_gone');
  const place = (workerId: string, tenant = 'default') => places.read(tenant, workerId);
  for (let passed = 0; passed < 3_000; passed += 1_000) {
    held.beat();
    await scene.clock.advance(1_000);
  }
  expect(await place('wrk_gone')).toMatchObject({ coordinatorId: 'c' });
  prunes.length = 0;
  for (let passed = 0; passed < 3_000; passed += 1_000) {
    held.beat();
    await scene.clock.advance(1_000);
  }
  expect(await place('wrk_gone')).toBeUndefined();
  expect(await place('wrk_gone', 'rivals')).toBeUndefined();
  expect(await place(held.info.workerId)).toMatchObject({ coordinatorId: 'a' });
  expect(new Set(prunes).size).toBe(1);
});
