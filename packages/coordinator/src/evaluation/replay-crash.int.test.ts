import { defaultTenant } from '@skein/domain';
import { expect, test } from 'vitest';
import { createReplayScene, type ReplayScene } from '../../test/replay-scene.ts';

/** Writes of a whole replay of two steps; more than there are, so that the last round sees none. */
const maxWrites = 40;

/** Dies at the n-th write from now on, before or after it happens; `died` says whether it came to that. */
const dieAt = (scene: ReplayScene, n: number, when: 'before' | 'after') => {
  const { rollouts } = scene.scene.stores;
  const never = new Promise<never>(() => {});
  const fate = { died: false, dead: false };
  let writes = 0;
  const around = async <T>(write: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (fate.dead) return never;
    if (writes !== n) return write();
    fate.died = true;
    fate.dead = true;
    if (when === 'after') await write();
    return never;
  };
  const save = rollouts.saveReplay.bind(rollouts);
  // To insert it is the business of whoever starts it.
  rollouts.saveReplay = (tenant, replay) =>
    replay.version === 0 ? save(tenant, replay) : around(() => save(tenant, replay));
  scene.scene.onAppend = (request, append) => around(() => append(request));
  return fate;
};

const driveTo = async (scene: ReplayScene, id: string, fate: { dead: boolean }): Promise<string> => {
  let worker = await scene.player();
  let next = 0;
  for (let second = 0; second < 90; second += 1) {
    if (fate.dead) {
      fate.dead = false;
      await scene.scene.restart();
      await scene.exit(worker);
      worker = await scene.player();
      next = 0;
    }
    worker.beat();
    const offer = worker.offers[next];
    if (offer === undefined) await scene.scene.clock.advance(1_000);
    else {
      next += 1;
      await scene.play(worker, offer);
    }
    await scene.scene.settle();
    const { status } = await scene.replay(id);
    if (status !== 'running') return status;
  }
  return 'never ended';
};

test.each(['before', 'after'] as const)(
  'a coordinator that dies %s any write of a replay leaves one that goes on, and starts no run twice',
  async (when) => {
    let rounds = 0;
    for (let n = 1; n <= maxWrites; n += 1) {
      const scene = await createReplayScene();
      const recorder = await scene.player();
      const runs = [await scene.recorded(recorder, 'one'), await scene.recorded(recorder, 'two')];
      await scene.exit(recorder);
      const fate = dieAt(scene, n, when);
      const id = await scene.startReplay({ kind: 'sample' }, { minPairs: 2 });
      expect(await driveTo(scene, id, fate), `write ${n}`).toBe('passed');
      const { pairs } = await scene.replay(id);
      expect(pairs.map(({ state }) => state)).toEqual(['done', 'done']);
      for (const runId of runs) {
        const { items } = await scene.scene.coordinator.listRuns({
          tenant: defaultTenant,
          parentRunId: runId,
          limit: 9,
        });
        expect(items, `write ${n}`).toHaveLength(1);
        expect(pairs.find((pair) => pair.runId === runId)?.replayRunId).toBe(items[0]?.runId);
      }
      await scene.scene.close();
      rounds += 1;
      if (!fate.died) break;
    }
    expect(rounds).toBeGreaterThan(8);
    expect(rounds).toBeLessThan(maxWrites);
  },
);
