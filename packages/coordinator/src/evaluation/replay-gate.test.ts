import { defaultTenant } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { createReplayScene, failing, type ReplayScene } from '../../test/replay-scene.ts';

const startGated = async (scene: ReplayScene, minPairs = 1) => {
  const { rollout, forecast } = await scene.scene.coordinator.rollouts.start(
    defaultTenant,
    'scout',
    {
      type: 'canary',
      candidateVersionId: scene.candidate,
      steps: [],
      weight: 1,
      memory: 'shared',
      replay: { runs: { kind: 'sample' }, minPairs },
    },
    { actor: 'ann' },
  );
  await scene.scene.settle();
  return { ...rollout, warnings: forecast.warnings };
};

/** Another rollout of the agent, which meets nobody who has no unit. */
const startOther = async (scene: ReplayScene): Promise<string> => {
  const { rollout } = await scene.scene.coordinator.rollouts.start(
    defaultTenant,
    'scout',
    { type: 'canary', candidateVersionId: scene.candidate, steps: [], weight: 0.01, memory: 'shared' },
    { actor: 'bob' },
  );
  return rollout.id;
};

const rollBack = (scene: ReplayScene, rolloutId: string) =>
  scene.scene.coordinator.rollouts.rollback(defaultTenant, 'scout', { rolloutId }, { actor: 'bob' });

const lookAgain = async (scene: ReplayScene): Promise<void> => {
  for (let tick = 0; tick < 3; tick += 1) {
    await scene.scene.clock.advance(2_000);
    await scene.scene.settle();
  }
};

const eventsOf = async (scene: ReplayScene, id: string) =>
  (await scene.scene.coordinator.rollouts.events(defaultTenant, 0, 100)).events.filter(
    ({ rolloutId }) => rolloutId === id,
  );

const expectReady = async (scene: ReplayScene, id: string): Promise<void> => {
  const ready = 'Ready: activate it by hand';
  expect(await rolloutOf(scene, id)).toMatchObject({
    status: 'draft',
    replay: { status: 'passed', held: true },
    explanation: { because: expect.stringContaining('was live then'), next: expect.stringContaining(ready) },
  });
  const events = await eventsOf(scene, id);
  expect(events.map(({ type, reason }) => [type, reason])).toEqual([
    ['created', 'requested'],
    ['changed', 'replay_passed'],
  ]);
  expect(events[1]?.explanation.next).toContain(ready);
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

describe('a replay that passes while another rollout of the agent is live', () => {
  test('begins nothing, also when that one is rolled back: the draft is ready, and a person starts it', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    const other = await startOther(scene);
    const { id, warnings } = await startGated(scene);
    expect(warnings).toContainEqual(expect.stringContaining(`the rollout ${other} of this agent is live`));
    await scene.playAll(worker, 1);
    await expectReady(scene, id);
    await rollBack(scene, other);
    await lookAgain(scene);
    await expectReady(scene, id);
    await scene.scene.coordinator.rollouts.activate(defaultTenant, 'scout', {}, { actor: 'ann' });
    expect((await rolloutOf(scene, id)).status).toBe('active');
  });

  test('begins nothing after a crash between verdict and gate either, though the other one has ended meanwhile', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    const other = await startOther(scene);
    const { id, replay } = await startGated(scene);
    const { rollouts } = scene.scene.stores;
    const update = rollouts.update.bind(rollouts);
    rollouts.update = (change) => (change.record.id === id ? new Promise(() => {}) : update(change));
    await scene.playAll(worker, 1);
    expect((await scene.replay(replay?.replayId ?? '')).explanation.next).toContain(`as ${other} was live`);
    expect((await rolloutOf(scene, id)).replay?.status).toBe('running');
    await rollBack(scene, other);
    rollouts.update = update;
    await scene.scene.restart();
    await lookAgain(scene);
    await expectReady(scene, id);
  });

  test('begins nothing after a restart', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    const other = await startOther(scene);
    const { id } = await startGated(scene);
    await scene.playAll(worker, 1);
    await rollBack(scene, other);
    await scene.scene.restart();
    await lookAgain(scene);
    await expectReady(scene, id);
  });

  test('begins nothing when the other one is faster by a moment, and over in another', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    const { id, warnings } = await startGated(scene);
    expect(warnings.join()).not.toContain('is live');
    const { rollouts } = scene.scene.stores;
    const update = rollouts.update.bind(rollouts);
    let other: string | undefined;
    rollouts.update = async (change) => {
      if (change.record.id !== id || other !== undefined) return update(change);
      other = await startOther(scene);
      const outcome = await update(change);
      await rollBack(scene, other);
      return outcome;
    };
    await scene.playAll(worker, 1);
    await lookAgain(scene);
    await expectReady(scene, id);
  });

  test('ends the draft when the other one is promoted: nothing is left to compare with', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    await startOther(scene);
    const { id } = await startGated(scene);
    await scene.playAll(worker, 1);
    await expectReady(scene, id);
    const { revision } = (await scene.scene.coordinator.rollouts.current(defaultTenant, 'scout')) ?? { revision: 0 };
    const promotion = { revision, force: true, reason: 'known to be good' };
    await scene.scene.coordinator.rollouts.promote(defaultTenant, 'scout', promotion, { actor: 'bob' });
    await lookAgain(scene);
    expect(await rolloutOf(scene, id)).toMatchObject({ status: 'cancelled', statusReason: 'superseded' });
  });
});

describe('a replay that decides nothing', () => {
  const undecided = async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    const { id, replay } = await startGated(scene, 5);
    await scene.playAll(worker, 1);
    return { scene, id, replayId: replay?.replayId ?? '' };
  };
  const activate = (scene: ReplayScene, options: { force?: boolean; reason?: string }) =>
    scene.scene.coordinator.rollouts.activate(defaultTenant, 'scout', options, { actor: 'ann' });

  test('leaves the draft, and says what to do', async () => {
    const { scene, id, replayId } = await undecided();
    await scene.scene.restart();
    await lookAgain(scene);
    const next = expect.stringContaining(
      `\`skein rollout activate scout --rollout ${id} --force --reason "…"\`, or cancel it`,
    );
    expect(await rolloutOf(scene, id)).toMatchObject({
      status: 'draft',
      replay: { status: 'inconclusive' },
      explanation: { because: expect.stringContaining(replayId), next },
    });
    expect(await scene.replay(replayId)).toMatchObject({ status: 'inconclusive', explanation: { next } });
    expect((await eventsOf(scene, id)).map(({ type, reason }) => [type, reason])).toEqual([
      ['created', 'requested'],
      ['changed', 'replay_inconclusive'],
    ]);
  });

  test('is overridden by force with a reason only', async () => {
    const { scene, id } = await undecided();
    await expect(activate(scene, {})).rejects.toMatchObject({
      code: 'illegal_transition',
      message: expect.stringContaining('it is inconclusive'),
    });
    await expect(activate(scene, { force: true })).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { problems: [{ field: 'reason' }] },
    });
    expect((await rolloutOf(scene, id)).status).toBe('draft');
    await activate(scene, { force: true, reason: 'one step is all there is' });
    expect(await rolloutOf(scene, id)).toMatchObject({ status: 'active', replay: { status: 'inconclusive' } });
    expect((await eventsOf(scene, id)).at(-1)).toMatchObject({
      type: 'activated',
      by: { actor: 'ann', force: true, reason: 'one step is all there is' },
    });
  });

  test('leaves a draft that can be cancelled', async () => {
    const { scene, id } = await undecided();
    await scene.scene.coordinator.rollouts.cancel(defaultTenant, 'scout', {}, { actor: 'ann' });
    expect(await rolloutOf(scene, id)).toMatchObject({ status: 'cancelled', statusReason: 'requested' });
  });
});
