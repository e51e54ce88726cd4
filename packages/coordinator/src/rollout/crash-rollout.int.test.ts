import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene | undefined;
afterEach(() => scene?.scene.close());

const worse = { stable: 40, candidate: 40, candidateErrors: 1 };
const step = { minDurationMs: 0, maxHarm: 1 };

/** Kills the process at the call with this number, before or after the store did it; 0: never. Answers how many calls there were. */
const dieAt = (place: number, when: 'before' | 'after') => {
  const state = { armed: false, calls: 0, died: false, name: '' };
  const die = async (name: string): Promise<unknown> => {
    state.died = true;
    state.name = name;
    const dead = new Promise<unknown>(() => undefined);
    // The restart is made by the test, which sees that it is time.
    return dead;
  };
  const onCall = async (name: string, _args: readonly unknown[], own: () => Promise<unknown>): Promise<unknown> => {
    if (!state.armed || state.died) return own();
    state.calls += 1;
    if (state.calls !== place) return own();
    if (when === 'before') return die(name);
    await own();
    return die(name);
  };
  return { state, onCall };
};

/** Every place at which a process can die while it takes a worse version back, or makes a better one the active one. */
const deaths = Array.from({ length: 10 }, (_, place) => place + 1).flatMap((place) =>
  (['before', 'after'] as const).map((when) => ({ place, when })),
);

describe('a coordinator that dies at any call of the store', () => {
  it('while it takes a version back leaves it taken back once, by whoever comes after', async () => {
    const names = new Set<string>();
    for (const { place, when } of deaths) {
      const { state, onCall } = dieAt(place, when);
      scene = await createRolloutScene({ onCall });
      const { id } = await scene.start();
      await scene.deal(id, worse);
      state.armed = true;
      await scene.ticks(1);
      if (state.died) names.add(state.name);
      await scene.scene.restart();
      await scene.ticks(2);
      const at = `died ${when} call ${place} (${state.name})`;
      expect((await scene.record(id)).status, at).toBe('rolled_back');
      expect(
        (await scene.events(id)).map(({ type, revision }) => `${revision} ${type}`),
        at,
      ).toEqual(['1 created', '2 rolled_back']);
      expect((await scene.view(id)).evidence?.units, at).toEqual([40, 40]);
      await scene.scene.close();
    }
    expect([...names]).toEqual(expect.arrayContaining(['loadEvidence', 'readUnits', 'saveEvidence', 'update']));
  });

  it('[defect 47] while it completes a rollout leaves both the rollout and the active version as they were, or both changed (I4)', async () => {
    for (const { place, when } of deaths) {
      const { state, onCall } = dieAt(place, when);
      scene = await createRolloutScene({ onCall });
      const { versions } = scene;
      const { id } = await scene.start({
        candidateVersionId: versions.good,
        steps: [{ weight: 0.5, minUnits: 5, ...step }],
        rules: [{ metric: 'error', promoteMargin: 0.4 }],
      });
      await scene.deal(id, { stable: 150, candidate: 150 });
      state.armed = true;
      await scene.ticks(1);
      const at = `died ${when} call ${place} (${state.name})`;
      const isDone = (await scene.record(id)).status === 'completed';
      expect(await scene.activeVersion(), at).toBe(isDone ? versions.good : versions.stable);
      await scene.scene.restart();
      await scene.ticks(2);
      expect(await scene.record(id), at).toMatchObject({ status: 'completed', winner: 1, revision: 2 });
      expect(await scene.activeVersion(), at).toBe(versions.good);
      await scene.scene.close();
    }
  });
});
