import { defaultTenant, isDomainError } from '@skein/domain';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

const bob = { actor: 'bob' };

const conflictOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work;
  } catch (thrown) {
    if (isDomainError(thrown) && thrown.code === 'version_conflict') return thrown.details;
    throw thrown;
  }
  throw new Error('no conflict');
};

describe('changing a rollout', () => {
  it('[defect 51] lets one of two patches with one revision win, and tells the other what is there', async () => {
    scene = await createRolloutScene();
    await scene.start();
    const patches = await Promise.allSettled([
      scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0.1 }, ann),
      scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0.2 }, bob),
    ]);
    expect(patches.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const current = await scene.rollouts.current(defaultTenant, 'scout');
    expect(current?.revision).toBe(2);
    const lost = patches.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(lost.reason).toMatchObject({ code: 'version_conflict', details: { current: { revision: 2 } } });
    const details = await conflictOf(scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0.3 }, ann));
    expect(details).toMatchObject({ revision: 2, current: { weight: current?.weight } });
  });

  it('[defect 52] sets the weight to nothing and back, pauses and resumes, and changes rules', async () => {
    scene = await createRolloutScene();
    await scene.start();
    const { rollouts } = scene;
    expect(await rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0 }, ann)).toMatchObject({
      weight: '0',
      status: 'active',
      epoch: 2,
    });
    expect(await rollouts.patch(defaultTenant, 'scout', { revision: 2, weight: '0.001' }, ann)).toMatchObject({
      weight: '0.001',
    });
    expect(await rollouts.pause(defaultTenant, 'scout', { reason: 'lunch' }, ann)).toMatchObject({
      status: 'paused',
      weight: '0.001',
      reason: 'lunch',
    });
    expect(await rollouts.resume(defaultTenant, 'scout', { revision: 4 }, bob)).toMatchObject({ status: 'active' });
    const changed = await rollouts.patch(
      defaultTenant,
      'scout',
      { revision: 5, rules: [{ metric: 'latency', margin: 0.1 }] },
      ann,
    );
    expect(changed.rules.map(({ metric }) => metric)).toEqual(['latency', 'run_failed', 'run_partial']);
  });

  it('writes a weight and rules that come together as one revision', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    const patch = { revision: 1, weight: 0.25, onNoData: 'ignore', rules: [{ metric: 'error' }] } as const;
    const view = await scene.rollouts.patch(defaultTenant, 'scout', patch, ann);
    expect(view).toMatchObject({ revision: 2, weight: '0.25', onNoData: 'ignore' });
    const events = await scene.events(id);
    expect(events.map(({ revision }) => revision)).toEqual([1, 2]);
    const { decided, data } = events[1]!.explanation;
    expect(decided).toBe(
      'The weights of the rollout of "scout" were set: the candidate gets 25 %. The settings of the rollout of "scout" were changed.',
    );
    expect(data).toMatchObject({ revision: 2 });
  });

  it('keeps account of alpha: rules that begin new tests too often are refused, unless forced with a reason', async () => {
    scene = await createRolloutScene();
    await scene.start({ alpha: 0.2 });
    const patch = (revision: number, margin: number, force?: { readonly reason: string; readonly force: true }) =>
      scene.rollouts.patch(defaultTenant, 'scout', { revision, rules: [{ metric: 'error', margin }], ...force }, ann);
    const view = await patch(1, 0.1);
    expect(view.alphaSpent).toBeCloseTo(0.2 + 0.2 / 1.15, 9);
    expect((await scene.rollouts.results(defaultTenant, 'scout')).alphaSpent).toBe(view.alphaSpent);
    expect(view.evidence?.alpha).toBe(view.alphaSpent);
    expect(await codeOf(patch(2, 0.2))).toBe('unprocessable');
    expect((await patch(2, 0.2, { force: true, reason: 'we know' })).alphaSpent).toBeGreaterThan(0.5);
  });

  it('refuses shapes that mean nothing', async () => {
    scene = await createRolloutScene();
    await scene.start();
    const patch = (fields: object): Promise<string> =>
      codeOf(scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, ...fields }, ann));
    expect(await patch({})).toBe('invalid_argument');
    expect(await patch({ weight: 2 })).toBe('invalid_argument');
    expect(await patch({ weight: 0.1, weights: { candidate: 0.1 } })).toBe('invalid_argument');
    expect(await patch({ weights: { nobody: 0.1 } })).toBe('invalid_argument');
    expect(await patch({ weights: { stable: 0.1 } })).toBe('invalid_argument');
    expect(await patch({ weights: { stable: 0.9, candidate: 0.3 } })).toBe('invalid_argument');
    expect(await patch({ revision: 1.5, weight: 0.1 })).toBe('invalid_argument');
    expect((await scene.rollouts.current(defaultTenant, 'scout'))?.revision).toBe(1);
  });

  it('[defect 29] promotes an experiment to the winner that is named, and to none by default', async () => {
    scene = await createRolloutScene();
    const { versions, rollouts } = scene;
    await scene.start({
      type: 'ab_test',
      arms: [
        { versionId: versions.stable, weight: 0.4 },
        { versionId: versions.bad, weight: 0.3, label: 'bold' },
        { versionId: versions.good, weight: 0.3, label: 'calm' },
      ],
    });
    expect(await codeOf(rollouts.promote(defaultTenant, 'scout', { revision: 1 }, ann))).toBe('invalid_argument');
    expect(await codeOf(rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0.1 }, ann))).toBe(
      'invalid_argument',
    );
    const moved = await rollouts.patch(defaultTenant, 'scout', { revision: 1, weights: { calm: 0.5 } }, ann);
    expect(moved.arms.map(({ weight }) => weight)).toEqual(['0.2', '0.3', '0.5']);
    const view = await rollouts.promote(
      defaultTenant,
      'scout',
      { revision: 2, versionId: versions.good, reason: 'calmer' },
      ann,
    );
    expect(view).toMatchObject({ status: 'completed', winner: 'calm', reason: 'calmer' });
    expect(await scene.activeVersion()).toBe(versions.good);
  });

  it('refuses a winner that is no part of it, and the stable version of a canary', async () => {
    scene = await createRolloutScene();
    await scene.start();
    const promote = (versionId: string): Promise<string> =>
      codeOf(scene.rollouts.promote(defaultTenant, 'scout', { revision: 1, versionId }, ann));
    expect(await promote(scene.versions.good)).toBe('invalid_argument');
    expect(await promote(scene.versions.stable)).toBe('invalid_argument');
    expect(await promote('v77')).toBe('not_found');
    expect(await codeOf(scene.rollouts.promote(defaultTenant, 'scout', { revision: 9 }, ann))).toBe('version_conflict');
    expect(await scene.activeVersion()).toBe(scene.versions.stable);
  });

  it('does not promote while the sample ratio alarm says that units are missing, unless forced with a reason', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ rules: [{ metric: 'error' }] });
    await scene.deal(id, { stable: 200, candidate: 20 });
    await scene.ticks(2);
    expect(await scene.view(id)).toMatchObject({ status: 'paused', statusReason: 'srm_alarm' });
    const { revision } = await scene.record(id);
    const promote = (options: { readonly force?: boolean; readonly reason?: string }) =>
      scene.rollouts.promote(defaultTenant, 'scout', { revision, ...options }, ann);
    expect(await codeOf(promote({}))).toBe('illegal_transition');
    expect(await codeOf(promote({ force: true }))).toBe('invalid_argument');
    const view = await promote({ force: true, reason: 'the missing ones are known' });
    expect(view.status).toBe('completed');
    expect(view.evidence?.srm.alarm).toBe(true);
    expect((await scene.events(id)).at(-1)?.by).toEqual({
      actor: 'ann',
      reason: 'the missing ones are known',
      force: true,
    });
  });

  it('rolls back without a revision, and answers the same record when it is asked again', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await scene.rollouts.pause(defaultTenant, 'scout', {}, ann);
    const first = await scene.rollouts.rollback(defaultTenant, 'scout', { reason: 'no' }, ann);
    expect(first).toMatchObject({ id, status: 'rolled_back', statusReason: 'requested' });
    const again = await scene.rollouts.rollback(defaultTenant, 'scout', {}, bob);
    expect(again).toEqual(first);
    expect(await scene.rollouts.rollback(defaultTenant, 'scout', { rolloutId: id }, bob)).toEqual(first);
    await scene.start({ candidateVersionId: scene.versions.good });
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    // The last one is over, and was not rolled back: there is nothing to take back.
    expect(await codeOf(scene.rollouts.rollback(defaultTenant, 'scout', {}, ann))).toBe('illegal_transition');
    expect(await codeOf(scene.rollouts.rollback(defaultTenant, 'scout', { rolloutId: 'rol_x' }, ann))).toBe(
      'not_found',
    );
  });

  it('approves a step that waits for a person', async () => {
    scene = await createRolloutScene();
    const step = { minUnits: 1, minDurationMs: 0, maxHarm: 1 };
    const { id } = await scene.start({
      candidateVersionId: scene.versions.good,
      steps: [
        { weight: 0.25, gate: 'approval', ...step },
        { weight: 0.5, ...step },
      ],
    });
    await scene.deal(id, { stable: 30, candidate: 10 });
    await scene.ticks(2);
    expect((await scene.view(id)).waitingFor.map(({ code }) => code)).toEqual(['approval']);
    const view = await scene.rollouts.approve(defaultTenant, 'scout', { revision: 1 }, bob);
    expect(view.stepApproved).toMatchObject({ by: 'bob' });
    await scene.ticks(1);
    expect(await scene.view(id)).toMatchObject({ stepIndex: 1, weight: '0.5' });
    expect((await scene.view(id)).stepApproved).toBeUndefined();
  });

  it('lists rollouts in pages from 1, newest first, or all of them', async () => {
    scene = await createRolloutScene();
    const ids: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      ids.unshift((await scene.start()).id);
      await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
      await scene.ticks(1);
    }
    const page = await scene.rollouts.list(defaultTenant, 'scout', 1, 2);
    expect(page).toMatchObject({ total: 5, page: 1, perPage: 2 });
    expect(page.rollouts.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect((await scene.rollouts.list(defaultTenant, 'scout', 3, 2)).rollouts.map(({ id }) => id)).toEqual(
      ids.slice(4),
    );
    const all = await scene.rollouts.list(defaultTenant, undefined, 1, false);
    expect(all.rollouts.map(({ id }) => id)).toEqual(ids);
    expect(await codeOf(scene.rollouts.list(defaultTenant, 'scout', 0, 2))).toBe('invalid_argument');
    expect(await codeOf(scene.rollouts.list(defaultTenant, 'scout', 1, 101))).toBe('invalid_argument');
  });

  it('[defect 8] measures only the units of its own time', async () => {
    scene = await createRolloutScene();
    const { id: first } = await scene.start({ candidateVersionId: scene.versions.good });
    await scene.deal(first, { stable: 5, candidate: 5 });
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    const { id: second } = await scene.start({ candidateVersionId: scene.versions.good });
    await scene.deal(second, { stable: 2, candidate: 2, candidateErrors: 1 });
    const [a, b] = await Promise.all([first, second].map((id) => scene.rollouts.results(defaultTenant, 'scout', id)));
    expect(a?.allocations.map(({ units }) => units)).toEqual([5, 5]);
    expect(b?.allocations.map(({ units }) => units)).toEqual([2, 2]);
    expect(a?.allocations[1]?.metrics.find(({ metric }) => metric === 'error')).toMatchObject({ count: 5, mean: 0 });
    const rows = await scene.rollouts.observations(defaultTenant, 'scout', { metric: 'error', limit: 100 });
    expect(rows.rolloutId).toBe(second);
    expect(rows.items).toHaveLength(4);
  });
});
