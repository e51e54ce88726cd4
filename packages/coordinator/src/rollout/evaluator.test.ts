import { DomainError, defaultTenant } from '@skein/domain';
import { afterEach, describe, expect, it } from 'vitest';
import type { OnRolloutCall, RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

const worse = { stable: 40, candidate: 40, candidateErrors: 1 };

/** Refuses calls of this name while `left` is above 0. */
const refusing = (name: string) => {
  const state = { left: 0, refused: 0 };
  const onCall: OnRolloutCall = async (called, _args, own) => {
    if (called !== name || state.left === 0) return own();
    state.left -= 1;
    state.refused += 1;
    throw new DomainError('unavailable', 'the store is away');
  };
  return { state, onCall };
};

describe('an evaluator', () => {
  it('[defect 44] guards a live rollout at once after a restart, without waiting for a tick', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.deal(id, worse);
    await scene.scene.restart();
    expect((await scene.view(id)).status).toBe('rolled_back');
  });

  it('[defect 46] keeps the evidence of an action that failed, says it aloud, and acts when it can', async () => {
    const { state, onCall } = refusing('update');
    scene = await createRolloutScene({ onCall });
    const { id } = await scene.start();
    state.left = 3;
    await scene.deal(id, worse);
    await scene.ticks(1);
    expect(state.refused).toBe(1);
    const kept = await scene.store.loadEvidence(defaultTenant, id);
    expect(kept.evidence?.settledSeq).toBeGreaterThan(0);
    expect(await scene.view(id)).toMatchObject({ status: 'active', revision: 1 });
    expect((await scene.view(id)).evidence?.tests.some(({ breached }) => breached)).toBe(true);
    expect(scene.count('skein_rollout_action_failures_total')).toBe(1);
    expect(
      scene.scene.lines.filter(({ level, message }) => level === 'error' && /could not be written/.test(message)),
    ).toHaveLength(1);
    // One second, then two, then four.
    await scene.ticks(10);
    expect(state.refused).toBe(3);
    expect(await scene.view(id)).toMatchObject({ status: 'rolled_back', revision: 2 });
    const after = await scene.store.loadEvidence(defaultTenant, id);
    expect(after.evidence?.settledSeq).toBeGreaterThanOrEqual(kept.evidence?.settledSeq ?? Infinity);
  });

  it('[defect 45] gathers one body of evidence and takes one action, however many there are', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    const other = await scene.another();
    await scene.deal(id, worse);
    await scene.ticks(5);
    await other.stop();
    expect((await scene.events(id)).map(({ type }) => type)).toEqual(['created', 'rolled_back']);
    const { evidence } = await scene.view(id);
    expect(evidence?.units).toEqual([40, 40]);
  });

  it('settles what is left of a rollout that another one ended, when that one is gone for good', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ runDeadlineMs: 120_000 });
    const other = await scene.another();
    await scene.deal(id, { stable: 2, candidate: 2, open: true });
    await scene.ticks(1);
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    await scene.scene.coordinator.stop();
    await scene.ticks(2);
    expect((await scene.units(id)).map(({ state }) => state)).toEqual(['open', 'open', 'open', 'open']);
    await scene.scene.clock.advance(130_000);
    expect((await scene.units(id)).map(({ state }) => state)).toEqual(['ended', 'ended', 'ended', 'ended']);
    await other.stop();
  });

  it('never takes an equal version back because two look at it', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ candidateVersionId: scene.versions.good });
    const other = await scene.another();
    for (let round = 0; round < 10; round += 1) {
      await scene.deal(id, { stable: 20, candidate: 20, stableErrors: 0.3, candidateErrors: 0.3 });
      await scene.ticks(1);
    }
    await other.stop();
    expect(await scene.view(id)).toMatchObject({ status: 'active', revision: 1 });
    expect((await scene.view(id)).evidence?.units).toEqual([200, 200]);
  });

  it('[defect 27] [defect 28] loses no value to a look that failed, and no failure leaves it', async () => {
    const { state, onCall } = refusing('readUnits');
    scene = await createRolloutScene({ onCall });
    const { id } = await scene.start();
    state.left = 4;
    await scene.deal(id, worse);
    await scene.ticks(1);
    expect(state.refused).toBeGreaterThan(0);
    expect((await scene.record(id)).status).toBe('active');
    await scene.ticks(6);
    expect(await scene.view(id)).toMatchObject({ status: 'rolled_back' });
    expect((await scene.view(id)).evidence?.units).toEqual([40, 40]);
  });

  it('[defect 13] judges the values that are there when others cannot be written', async () => {
    const { state, onCall } = refusing('endUnits');
    scene = await createRolloutScene({ onCall });
    const { id } = await scene.start({ runDeadlineMs: 1_000 });
    await scene.deal(id, worse);
    await scene.deal(id, { stable: 1, candidate: 1, open: true });
    state.left = Number.POSITIVE_INFINITY;
    await scene.ticks(3);
    expect(state.refused).toBeGreaterThan(0);
    expect((await scene.view(id)).status).toBe('rolled_back');
  });

  it('writes nothing while nothing is new', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ candidateVersionId: scene.versions.good });
    await scene.deal(id, { stable: 10, candidate: 10 });
    await scene.ticks(2);
    const saves = scene.calls.filter((name) => name === 'saveEvidence').length;
    await scene.ticks(5);
    expect(scene.calls.filter((name) => name === 'saveEvidence')).toHaveLength(saves);
  });

  it('rests after a look that took long, so that many units which wait leave room for others', async () => {
    const looks: number[] = [];
    const state = { slow: false };
    scene = await createRolloutScene({
      onCall: async (name, _args, own) => {
        if (name !== 'readTallies' || !state.slow) return own();
        looks.push(scene.scene.clock.now());
        await scene.scene.clock.sleep(2_000);
        return own();
      },
    });
    const { id } = await scene.start();
    await scene.ticks(2);
    state.slow = true;
    for (let second = 0; second < 30; second += 1) await scene.ticks(1);
    // Each takes 2 s and rests 4.
    expect(looks.length).toBeGreaterThanOrEqual(4);
    expect(looks.length).toBeLessThanOrEqual(6);
    state.slow = false;
    await scene.deal(id, worse);
    await scene.ticks(8);
    expect((await scene.view(id)).status).toBe('rolled_back');
  });

  it('pauses a rollout that is undecided at its horizon', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ candidateVersionId: scene.versions.good, horizonMs: 3_600_000 });
    const { clock } = scene.scene;
    const now = clock.now();
    clock.now = () => now + 3_600_000;
    await scene.ticks(2);
    expect(await scene.view(id)).toMatchObject({ status: 'paused', statusReason: 'horizon_ended' });
  });

  it('rolls back a paused rollout too when values that come late show that it was worse', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.deal(id, { stable: 40, candidate: 40, open: true });
    await scene.rollouts.pause(defaultTenant, 'scout', {}, ann);
    await scene.ticks(1);
    const units = await scene.units(id);
    await scene.end(
      id,
      1,
      units.map(({ arm }) => arm === 1),
    );
    await scene.ticks(2);
    expect((await scene.view(id)).status).toBe('rolled_back');
  });
});
