import { defaultTenant } from '@skein/domain';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

describe('a rollout that is named', () => {
  it('is cancelled beside a live one, which goes on; both are in the list', async () => {
    scene = await createRolloutScene();
    const live = await scene.start();
    const draft = await scene.start({ draft: true, candidateVersionId: scene.versions.good });
    const { rollouts } = await scene.rollouts.list(defaultTenant, 'scout', 1, 10);
    expect(rollouts.map(({ id, status }) => [id, status])).toEqual([
      [draft.id, 'draft'],
      [live.id, 'active'],
    ]);
    const cancelled = await scene.rollouts.cancel(defaultTenant, 'scout', { rolloutId: draft.id }, ann);
    expect(cancelled).toMatchObject({ id: draft.id, status: 'cancelled' });
    expect((await scene.rollouts.current(defaultTenant, 'scout'))?.id).toBe(live.id);
  });

  it('is begun, though another draft is newer', async () => {
    scene = await createRolloutScene();
    const older = await scene.start({ draft: true });
    const newer = await scene.start({ draft: true, candidateVersionId: scene.versions.good });
    const begun = await scene.rollouts.activate(defaultTenant, 'scout', { rolloutId: older.id }, ann);
    expect(begun).toMatchObject({ id: older.id, status: 'active' });
    expect((await scene.view(newer.id)).status).toBe('draft');
    expect(await codeOf(scene.rollouts.activate(defaultTenant, 'scout', { rolloutId: 'rol_0' }, ann))).toBe(
      'not_found',
    );
    expect(await codeOf(scene.rollouts.cancel(defaultTenant, 'look', { rolloutId: older.id }, ann))).toBe('not_found');
  });
});

describe('what a person is told', () => {
  it('weights that a rollout has already change nothing: the same revision, and no event', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    for (const change of [{ weight: '0.5' }, { weights: { candidate: 0.5 } }]) {
      const view = await scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, ...change }, ann);
      expect(view).toMatchObject({ id, revision: 1, weight: '0.5' });
    }
    const both = { revision: 1, weight: 0.5, onNoData: 'ignore' } as const;
    expect(await scene.rollouts.patch(defaultTenant, 'scout', both, ann)).toMatchObject({
      revision: 2,
      onNoData: 'ignore',
    });
    expect((await scene.events(id)).map(({ type }) => type)).toEqual(['created', 'changed']);
    expect(await codeOf(scene.rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: 0.5 }, ann))).toBe(
      'version_conflict',
    );
  });

  it('which rollout is live, which one was the last, and which arms there are', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start();
    await expect(scene.start()).rejects.toThrow(`a live rollout, ${id}`);
    const patch = { revision: 1, weights: { nobody: 0.1 } };
    await expect(scene.rollouts.patch(defaultTenant, 'scout', patch, ann)).rejects.toThrow('arms: stable, candidate');
    await scene.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    const after = [
      scene.rollouts.pause(defaultTenant, 'scout', {}, ann),
      scene.rollouts.activate(defaultTenant, 'scout', {}, ann),
    ];
    for (const work of after) await expect(work).rejects.toThrow(`no live rollout; the last one, ${id}, is cancelled`);
  });

  it('at weight 0 nobody would get the candidate: that is a draft, unless it is shown in another way', async () => {
    scene = await createRolloutScene();
    await expect(scene.start({ weight: 0 })).rejects.toMatchObject({
      code: 'unprocessable',
      details: { problems: [{ field: 'weight' }] },
    });
    expect((await scene.start({ weight: 0, draft: true })).status).toBe('draft');
    expect((await scene.start({ weight: 0, forced: [{ unit: 'me', arm: 'candidate' }] })).status).toBe('active');
  });

  it('which scorers of the agent a start leaves out', async () => {
    scene = await createRolloutScene();
    const scorers = ['polite', 'right'].map((id) => ({ id, kind: 'posted' as const, sample: 1 }));
    await scene.scene.stores.projects.publish({
      tenant: defaultTenant,
      dags: [],
      subDags: [],
      parts: [],
      agents: [],
      activate: [],
      candidates: [],
      memory: [],
      settings: [{ agentId: 'scout', scorers }],
      at: 0,
    });
    const forecast = (own?: readonly { readonly id: string; readonly kind: 'posted' }[]) =>
      scene.rollouts.forecast(defaultTenant, 'scout', {
        type: 'canary',
        candidateVersionId: scene.versions.bad,
        weight: 0.5,
        ...(own === undefined ? {} : { scorers: own }),
      });
    const said = "the scorers given here replace those of the agent's settings: right is left out";
    expect((await forecast([{ id: 'polite', kind: 'posted' }])).warnings).toContain(said);
    for (const { warnings } of [await forecast(), await forecast(scorers)])
      expect(warnings.join()).not.toContain('left out');
    const started = await scene.rollouts.start(
      defaultTenant,
      'scout',
      {
        type: 'canary',
        candidateVersionId: scene.versions.bad,
        weight: 0.5,
        scorers: [{ id: 'polite', kind: 'posted' }],
      },
      ann,
    );
    expect(started.forecast.warnings).toContain(said);
  });
});
