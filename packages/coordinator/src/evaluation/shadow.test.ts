import { defaultTenant, type TaskOffer } from '@skein/domain';
import { beforeEach, describe, expect, test } from 'vitest';
import { createReplayScene, failing, type ReplayScene } from '../../test/replay-scene.ts';

const date = { tool: 'bash', input: { command: 'date' }, output: 'monday' };
const isShadow = ({ playback }: TaskOffer): boolean => playback !== undefined;

/** A live rollout in which nearly everybody gets the stable version, and every unit's steps are shadowed. */
const startShadowed = async (scene: ReplayScene, shadow = 1): Promise<string> => {
  const { rollout } = await scene.scene.coordinator.rollouts.start(
    defaultTenant,
    'scout',
    {
      type: 'canary',
      candidateVersionId: scene.candidate,
      steps: [],
      weight: 0.000001,
      memory: 'shared',
      shadow,
      force: true,
      reason: 'test',
    },
    { actor: 'ann' },
  );
  await scene.scene.settle();
  return rollout.id;
};

const live = async (scene: ReplayScene, worker: Awaited<ReturnType<ReplayScene['player']>>, q: string, unit = q) => {
  const before = worker.offers.length;
  const runId = await scene.scene.submit('ask', { params: { q }, routingContext: { resourceId: unit } });
  const offer = worker.offers.slice(before).find((one) => one.runId === runId);
  if (offer === undefined) throw new Error('the run was not offered');
  await scene.play(worker, offer, { calls: [date] });
  return runId;
};

describe('a shadow', () => {
  let scene: ReplayScene;
  beforeEach(async () => {
    scene = await createReplayScene();
  });

  test('runs a live step of the stable version on the candidate, with tools answered from its record', async () => {
    const worker = await scene.player();
    await startShadowed(scene);
    const runId = await live(scene, worker, 'one');
    const shadows = worker.offers.filter(isShadow);
    expect(shadows).toHaveLength(1);
    expect(shadows[0]).toMatchObject({ agents: { scout: scene.candidate } });
    expect(scene.promptOf(shadows[0]!)).toBe('Find one');
    expect((await scene.playbackOf(shadows[0]!)).calls).toMatchObject([{ output: 'monday' }]);
    expect((await scene.scene.children(runId)).map((child) => child.runId)).toEqual([shadows[0]?.runId]);
  });

  test('leaves the run as it is: its log, its outputs, and no evidence', async () => {
    const worker = await scene.player();
    const plain = await createReplayScene();
    const other = await plain.player();
    const id = await startShadowed(scene);
    await startShadowed(plain, 0);
    const runId = await live(scene, worker, 'one');
    const plainId = await live(plain, other, 'one');
    const before = await scene.scene.facts(runId);
    await scene.play(worker, worker.offers.find(isShadow)!, failing);
    await scene.scene.clock.advance(2_000);
    await scene.scene.settle();
    expect(await scene.scene.facts(runId)).toEqual(before);
    expect((await scene.scene.facts(runId)).map(({ type, at }) => [type, at])).toEqual(
      (await plain.scene.facts(plainId)).map(({ type, at }) => [type, at]),
    );
    const { rollouts } = scene.scene.stores;
    const units = await rollouts.readUnits(defaultTenant, id, 0, 10);
    expect(units.map(({ arm, runId: of }) => [arm, of])).toEqual([[0, runId]]);
    expect(Object.keys(units[0]?.values ?? {}).filter((name) => name.includes('shadow'))).toEqual([]);
    expect(other.offers.filter(isShadow)).toEqual([]);
  });

  test('keeps its values as scores of their own, once', async () => {
    const worker = await scene.player();
    await startShadowed(scene);
    const runId = await live(scene, worker, 'one');
    await scene.play(worker, worker.offers.find(isShadow)!, { usage: { divergedCalls: 2 } });
    const scores = await scene.scene.stores.rollouts.listScores(defaultTenant, runId);
    expect(
      scores.filter(({ scorer }) => scorer.startsWith('shadow:')).map(({ scorer, value }) => [scorer, value]),
    ).toEqual(
      expect.arrayContaining([
        ['shadow:error', 1],
        ['shadow:tokens', 0.5],
      ]),
    );
    expect(scores.find(({ scorer }) => scorer === 'shadow:error')?.versionId).toBe(scene.candidate);
    expect(scene.count('skein_rollout_shadows_total', { outcome: 'done' })).toBe(1);
    const { shadow } = await scene.scene.coordinator.rollouts.results(defaultTenant, 'scout');
    expect(shadow).toMatchObject({ shadows: 1, failed: 0, skipped: 0, divergedCalls: 2 });
    expect(shadow?.metrics).toContainEqual({
      metric: 'error',
      count: 1,
      live: 1,
      shadow: 1,
      meanDifference: 0,
      sd: 0,
    });
  });

  test('that hangs or is one of too many is skipped and counted, and no run waits for it', async () => {
    const worker = await scene.player(16);
    await startShadowed(scene);
    for (let place = 0; place < 7; place += 1) {
      const runId = await live(scene, worker, `${place}`);
      expect(await scene.scene.status(runId)).toBe('succeeded');
    }
    expect(worker.offers.filter(isShadow)).toHaveLength(4);
    expect(scene.count('skein_rollout_shadows_total', { outcome: 'skipped' })).toBe(3);
    // One is over: there is room again.
    await scene.play(worker, worker.offers.find(isShadow)!);
    await live(scene, worker, 'later');
    expect(worker.offers.filter(isShadow)).toHaveLength(5);
  });

  test('that cannot be started changes nothing for the run', async () => {
    const worker = await scene.player();
    await startShadowed(scene);
    const { blobs } = scene.scene.stores;
    blobs.put = () => Promise.reject(new Error('the disk is full'));
    const runId = await live(scene, worker, 'one');
    expect(await scene.scene.status(runId)).toBe('succeeded');
    expect(worker.offers.filter(isShadow)).toEqual([]);
    expect(scene.count('skein_rollout_shadows_total', { outcome: 'failed' })).toBe(1);
  });

  test('is made only of sampled units, and of none while the rollout is paused', async () => {
    const worker = await scene.player();
    await startShadowed(scene, 0.3);
    let shadows = 0;
    for (let place = 0; place < 30; place += 1) {
      await live(scene, worker, `${place}`);
      const made = worker.offers.filter(isShadow);
      if (made.length > shadows) await scene.play(worker, made.at(-1)!);
      shadows = made.length;
    }
    expect(shadows).toBeGreaterThan(1);
    expect(shadows).toBeLessThan(20);
    await scene.scene.coordinator.rollouts.pause(defaultTenant, 'scout', {}, { actor: 'ann' });
    await scene.scene.clock.advance(2_000);
    for (let place = 0; place < 20; place += 1) await live(scene, worker, `p${place}`);
    expect(worker.offers.filter(isShadow)).toHaveLength(shadows);
  });
});
