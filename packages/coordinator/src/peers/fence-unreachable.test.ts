import { shardOf } from '@skein/domain';
import type { FleetScene, ScriptedWorker } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { openPeers, pass } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

/** Tasks of twelve runs at home at `a`, begun at a worker of `b`, which does not reach `c`. */
const begin = async () => {
  scene = await openPeers(['a', 'b', 'c']);
  const worker = await scene.join('b', { slots: 12 });
  const runs: string[] = [];
  for (let count = 0; count < 12; count += 1) runs.push(await scene.submit('a', 'single'));
  await pass(scene, 200, worker);
  for (const offer of worker.offers) worker.start(offer);
  await scene.settle();
  expect(worker.offers).toHaveLength(12);
  scene.network.partition('b', 'c');
  await pass(scene, 500, worker);
  return { worker, runs };
};

/** The runs that `c` is home to now. */
const atHomeAtC = async (runs: readonly string[]): Promise<readonly string[]> => {
  const homes = await scene.homes();
  return runs.filter((runId) => homes.get(shardOf(runId)) === 'c');
};

const revoked = (worker: ScriptedWorker): readonly string[] =>
  worker
    .of('revoke')
    .map(({ task }) => task.runId)
    .toSorted();

test('the home dies, and the next one cannot be reached: its tasks stop here before it leases them again, and no others do', async () => {
  const { worker, runs } = await begin();
  scene.kill('a');
  await pass(scene, 2_000, worker);
  const moved = await atHomeAtC(runs);
  expect(moved.length).toBeGreaterThan(0);
  expect(moved.length).toBeLessThan(runs.length);
  const other = await scene.join('c', { slots: 12 });
  while (revoked(worker).length < moved.length) {
    expect(other.offers).toEqual([]);
    await pass(scene, 100, worker, other);
  }
  await pass(scene, 4_000, worker, other);
  expect(revoked(worker)).toEqual(moved.toSorted());
  expect(other.offers.map(({ runId }) => runId).toSorted()).toEqual(moved.toSorted());
});

test('a home that was out of reach for less than that goes on with what the workers hold', async () => {
  const { worker, runs } = await begin();
  scene.kill('a');
  await pass(scene, 2_500, worker);
  const moved = await atHomeAtC(runs);
  scene.network.heal();
  await pass(scene, 8_000, worker);
  expect(revoked(worker)).toEqual([]);
  for (const offer of worker.offers) worker.finish(offer);
  await pass(scene, 1_000, worker);
  for (const runId of moved) expect(await scene.status(runId)).toBe('succeeded');
});
