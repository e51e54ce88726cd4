import { defaultTenant } from '@skein/domain';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

const minute = 60_000;

describe('a canary', () => {
  it('of a bad version is rolled back by its evidence, which stays in the record', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.deal(id, { stable: 40, candidate: 40, candidateErrors: 1 });
    await scene.ticks(2);
    const view = await scene.view(id);
    expect(view).toMatchObject({ status: 'rolled_back', statusReason: 'regression', revision: 2 });
    expect(view.arms.map(({ weight }) => weight)).toEqual(['1', '0']);
    const test = view.evidence?.tests.find(({ rule }) => rule === 'error');
    expect(test).toMatchObject({ breached: true, arm: 1 });
    expect(test?.eMax).toBeGreaterThanOrEqual(test?.threshold ?? Infinity);
    expect(view.explanation.because).not.toBe('');
    expect(await scene.activeVersion()).toBe(scene.versions.stable);
    expect((await scene.events(id)).map(({ type }) => type)).toEqual(['created', 'rolled_back']);
    expect((await scene.events(id)).at(-1)).toMatchObject({ by: { actor: 'evaluator' }, reason: 'regression' });
    expect(scene.scene.lines.some(({ message }) => message === 'rollout changed')).toBe(true);
  });

  it('of a good version is promoted step by step, and becomes the active one with its end', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({
      candidateVersionId: scene.versions.good,
      steps: [
        { weight: 0.25, minUnits: 10, minDurationMs: minute, maxHarm: 0.9 },
        { weight: 0.5, minUnits: 10, minDurationMs: minute, maxHarm: 0.9 },
        { weight: 1, minUnits: 5, minDurationMs: minute },
      ],
      rules: [{ metric: 'error', promoteMargin: 0.3 }],
    });
    await scene.deal(id, { stable: 60, candidate: 20 });
    await scene.ticks(2);
    expect((await scene.view(id)).waitingFor.map(({ code }) => code)).toContain('duration');
    await scene.scene.clock.advance(minute);
    expect(await scene.view(id)).toMatchObject({ status: 'active', stepIndex: 1, weight: '0.5' });
    await scene.deal(id, { stable: 100, candidate: 100 });
    await scene.scene.clock.advance(1.5 * minute);
    expect(await scene.view(id)).toMatchObject({ status: 'active', stepIndex: 2, weight: '1' });
    expect(await scene.activeVersion()).toBe(scene.versions.stable);
    await scene.deal(id, { stable: 0, candidate: 10 });
    await scene.scene.clock.advance(1.5 * minute);
    expect(await scene.view(id)).toMatchObject({ status: 'completed', winner: 'candidate' });
    expect(await scene.activeVersion()).toBe(scene.versions.good);
    expect((await scene.events(id)).map(({ type, revision }) => `${revision} ${type}`)).toEqual([
      '1 created',
      '2 step_advanced',
      '3 step_advanced',
      '4 completed',
    ]);
  });

  it('of an equal version is not taken back', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ candidateVersionId: scene.versions.good });
    await scene.deal(id, { stable: 200, candidate: 200, stableErrors: 0.2, candidateErrors: 0.2 });
    await scene.ticks(3);
    expect(await scene.view(id)).toMatchObject({ status: 'active', revision: 1 });
  });

  it('[defect 55] keeps its results after the end', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.deal(id, { stable: 40, candidate: 40, candidateErrors: 1 });
    await scene.ticks(2);
    expect((await scene.view(id)).status).toBe('rolled_back');
    const results = await scene.rollouts.results(defaultTenant, 'scout');
    expect(results).toMatchObject({ rolloutId: id, status: 'rolled_back' });
    expect(results.allocations.map(({ units }) => units)).toEqual([40, 40]);
    const errors = results.allocations[1]?.metrics.find(({ metric }) => metric === 'error');
    expect(errors).toMatchObject({ count: 40, mean: 1 });
  });
});
