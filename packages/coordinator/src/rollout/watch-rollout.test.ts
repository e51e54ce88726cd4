import { defaultTenant } from '@skein/domain';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, codeOf, createRolloutScene } from '../../test/rollout-scene.ts';
import type { RolloutView } from './rollout-views.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

/** Follows the agent's rollout and keeps what it was shown, and when. */
const follow = (signal = new AbortController().signal) => {
  const shown: { readonly view: RolloutView; readonly at: number }[] = [];
  const ended = (async () => {
    for await (const view of scene.rollouts.watch(defaultTenant, 'scout', signal))
      shown.push({ view, at: scene.scene.clock.now() });
  })();
  return { shown, ended };
};

describe('watching a rollout', () => {
  it('shows it at once, then whenever something changed, and ends with its end', async () => {
    scene = await createRolloutScene();
    await scene.start();
    const { shown, ended } = follow();
    await scene.scene.settle();
    expect(shown.map(({ view }) => view.status)).toEqual(['active']);
    await scene.ticks(5);
    expect(shown).toHaveLength(1);
    await scene.rollouts.pause(defaultTenant, 'scout', {}, ann);
    await scene.ticks(1);
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.ticks(1);
    await ended;
    expect(shown.map(({ view }) => view.status)).toEqual(['active', 'paused', 'rolled_back']);
  });

  it('shows evidence as it comes, at most twice a second however much comes', async () => {
    scene = await createRolloutScene();
    const { id } = await scene.start({ candidateVersionId: scene.versions.good });
    const abort = new AbortController();
    const { shown, ended } = follow(abort.signal);
    for (let round = 0; round < 40; round += 1) {
      await scene.deal(id, { stable: 1, candidate: 1 });
      await scene.scene.clock.advance(100);
    }
    await scene.ticks(2);
    abort.abort();
    await ended;
    expect(shown.at(-1)?.view.evidence?.units).toEqual([40, 40]);
    expect(shown.length).toBeGreaterThan(2);
    const gaps = shown.slice(1).map(({ at }, index) => at - (shown[index]?.at ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(500);
  });

  it('costs many readers what it costs one, and each sees all that one sees', async () => {
    let looks = 0;
    scene = await createRolloutScene({
      onCall: (name, _args, own) => {
        if (name === 'readTallies') looks += 1;
        return own();
      },
    });
    await scene.start();
    const readers = Array.from({ length: 200 }, () => follow());
    await scene.ticks(3);
    await scene.rollouts.pause(defaultTenant, 'scout', {}, ann);
    await scene.ticks(2);
    await scene.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.ticks(2);
    await Promise.all(readers.map(({ ended }) => ended));
    for (const { shown } of readers)
      expect(shown.map(({ view }) => view.status)).toEqual(['active', 'paused', 'rolled_back']);
    expect(looks).toBeLessThan(50);
  });

  it('sees what another coordinator writes', async () => {
    scene = await createRolloutScene();
    await scene.start();
    const other = await scene.another();
    const { shown, ended } = follow();
    await scene.scene.settle();
    await other.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await scene.ticks(2);
    await ended;
    await other.stop();
    expect(shown.at(-1)?.view.status).toBe('rolled_back');
  });

  it('has nothing to show of an agent without a rollout', async () => {
    scene = await createRolloutScene();
    const views = scene.rollouts.watch(defaultTenant, 'scout', new AbortController().signal);
    expect(await codeOf(views[Symbol.asyncIterator]().next())).toBe('not_found');
  });
});

describe('freezing an agent', () => {
  it('sends its runs to the active version while it lasts, says why, and is undone', async () => {
    scene = await createRolloutScene();
    await scene.start({ weight: 1 });
    const { rollouts } = scene;
    const submit = async () =>
      (await scene.scene.view(await scene.scene.submit('look', { routingContext: { resourceId: 'user-1' } }))).agents[
        'scout'
      ];
    expect((await submit())?.source).toBe('segments');
    await rollouts.freeze(defaultTenant, 'scout', 'an incident', ann);
    expect(await rollouts.readFreeze(defaultTenant, 'scout')).toMatchObject({ by: 'ann', reason: 'an incident' });
    expect(await submit()).toMatchObject({ source: 'frozen', versionId: scene.versions.stable });
    await rollouts.unfreeze(defaultTenant, 'scout', ann);
    await rollouts.unfreeze(defaultTenant, 'scout', ann);
    expect(await rollouts.readFreeze(defaultTenant, 'scout')).toBeUndefined();
    expect((await submit())?.source).toBe('segments');
    expect(await codeOf(rollouts.freeze(defaultTenant, 'scout', ' ', ann))).toBe('invalid_argument');
  });
});
