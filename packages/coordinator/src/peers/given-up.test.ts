import { DomainError, shardOf } from '@skein/domain';
import { type FleetScene, taskOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { openPeers, pass, rejoin, typesOf } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

test('a task that was taken from its worker counts as begun also for the next home, though the loss could not be recorded', async () => {
  let isAway = false;
  scene = await openPeers(['a'], {
    onAppend: async (by, { facts }) => {
      if (isAway && by === 'a' && facts.some(({ type }) => type === 'step_lost'))
        throw new DomainError('unavailable', 'the store is away');
    },
  });
  const worker = await rejoin(scene, 'a', await scene.join('a', { slots: 24 }));
  const runs: string[] = [];
  for (let count = 0; count < 12; count += 1) runs.push(await scene.submit('a', 'once'));
  await pass(scene, 300, worker);
  for (const offer of worker.offers) worker.start(offer);
  await scene.settle();
  expect(worker.offers).toHaveLength(12);
  isAway = true;
  // Nobody can record these: the coordinator takes the tasks back.
  for (const offer of worker.offers) worker.send({ type: 'checkpoint', task: taskOf(offer), index: -1, entries: [] });
  await scene.settle();
  expect(worker.of('revoke')).toHaveLength(12);
  await scene.start('c');
  await pass(scene, 3_000, worker);
  const homes = await scene.homes();
  const moved = runs.filter((runId) => homes.get(shardOf(runId)) === 'c');
  expect(moved.length).toBeGreaterThan(0);
  for (const runId of moved) {
    expect((await typesOf(scene, runId)).filter((type) => type === 'step_leased')).toHaveLength(1);
    expect(await scene.status(runId)).toBe('failed');
  }
});
