import { defaultTenant } from '@skein/domain';
import { expect, test } from 'vitest';
import { createReplayScene, failing, type ReplayScene } from '../../test/replay-scene.ts';

const startGated = async (scene: ReplayScene, limit = 20) => {
  const { rollout } = await scene.scene.coordinator.rollouts.start(
    defaultTenant,
    'scout',
    {
      type: 'canary',
      candidateVersionId: scene.candidate,
      steps: [],
      weight: 1,
      memory: 'shared',
      replay: { runs: { kind: 'sample' }, limit },
    },
    { actor: 'ann' },
  );
  await scene.scene.settle();
  return rollout;
};

const rolloutOf = (scene: ReplayScene, id: string) => scene.scene.coordinator.rollouts.read(defaultTenant, id);

test('nobody meets the candidate before its replay has passed, and then it begins by itself', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  await scene.recorded(worker, 'one');
  const { id, status, replay } = await startGated(scene);
  expect([status, replay?.status]).toEqual(['draft', 'running']);
  const before = await scene.scene.submit('ask', { params: { q: 'two' }, routingContext: { resourceId: 'u' } });
  expect((await scene.scene.view(before)).agents['scout']?.versionId).toBe(scene.stable);
  await scene.playAll(worker, 1);
  const rollout = await rolloutOf(scene, id);
  expect([rollout.status, rollout.replay?.status]).toEqual(['active', 'passed']);
  const after = await scene.scene.submit('ask', { params: { q: 'three' }, routingContext: { resourceId: 'u' } });
  expect((await scene.scene.view(after)).agents['scout']?.versionId).toBe(scene.candidate);
});

test('a replay that fails ends the rollout before anybody met the candidate', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  for (let place = 0; place < 20; place += 1) await scene.recorded(worker, `${place}`);
  const { id } = await startGated(scene);
  await scene.playAll(worker, 20, () => failing);
  expect(await rolloutOf(scene, id)).toMatchObject({ status: 'cancelled', statusReason: 'replay_failed' });
});

test('a replay whose rollout is ended stops', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  for (let place = 0; place < 20; place += 1) await scene.recorded(worker, `${place}`);
  const { id, replay } = await startGated(scene);
  await scene.scene.coordinator.rollouts.cancel(defaultTenant, 'scout', {}, { actor: 'ann' });
  await scene.playAll(worker, 20);
  expect(worker.offers.length).toBeLessThanOrEqual(28);
  expect(await scene.replay(replay?.replayId ?? '')).toMatchObject({
    status: 'inconclusive',
    explanation: { because: 'The rollout that waited for it is cancelled.' },
  });
  expect((await rolloutOf(scene, id)).status).toBe('cancelled');
});

test('a coordinator that dies between the verdict and the gate leaves a gate that is settled after its restart', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  await scene.recorded(worker, 'one');
  const { id, replay } = await startGated(scene);
  const { rollouts } = scene.scene.stores;
  const update = rollouts.update.bind(rollouts);
  rollouts.update = () => new Promise(() => {});
  await scene.playAll(worker, 1);
  expect((await scene.replay(replay?.replayId ?? '')).status).toBe('passed');
  expect((await rolloutOf(scene, id)).status).toBe('draft');
  rollouts.update = update;
  await scene.scene.restart();
  await scene.scene.clock.advance(2_000);
  await scene.scene.settle();
  expect((await rolloutOf(scene, id)).status).toBe('active');
});
