import { defaultTenant, shardOf } from '@skein/domain';
import { createFleetScene, createSeededRandom, dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { targetsOf } from './targets.ts';

const dag = dagOf([stepOf('a')], { name: 'one' });
const ids = ['a', 'b', 'c'];

let scene: FleetScene;

afterEach(() => scene.close());

/** Kills, starts, freezes and cuts off coordinators in the order of the seed, and loses answers of their store. */
const disturb = async (seed: number): Promise<readonly string[]> => {
  const random = createSeededRandom(`faults ${seed}`);
  const runs: string[] = [];
  const quietly = async (work: Promise<unknown>): Promise<void> => {
    await scene.finish(work, 20_000).catch(() => undefined);
  };
  for (let event = 0; event < 25; event += 1) {
    const id = ids[random.integer(ids.length)] ?? 'a';
    const { api, process, faults } = scene.of(id);
    switch (random.integer(6)) {
      case 0:
        scene.kill(id);
        await scene.clock.advance(random.integer(1_500));
        await quietly(scene.start(id));
        break;
      case 1:
        await scene.freeze(id, random.integer(3_000));
        break;
      case 2:
        faults.fail = random.next() < 0.5 ? 1 : 0.2;
        faults.loseAnswer = 0.2;
        break;
      case 3:
        for (const one of ids) Object.assign(scene.of(one).faults, { fail: 0, loseAnswer: 0 });
        break;
      default:
        if (!process.alive) break;
        void api.submitRun(defaultTenant, { dag: 'one' }).then(
          ({ run }) => runs.push(run.runId),
          () => undefined,
        );
    }
    await scene.clock.advance(random.integer(400));
  }
  return runs;
};

test.each([1, 2, 3, 4])(
  'whatever happens, in the end each shard has one home that drives its runs (seed %i)',
  async (seed) => {
    scene = await createFleetScene({ dags: [dag] });
    for (const id of ids) await scene.start(id);
    const runs = await disturb(seed);
    for (const id of ids) {
      Object.assign(scene.of(id).faults, { fail: 0, loseAnswer: 0 });
      if (!scene.of(id).process.alive || scene.of(id).api.readiness().checks['phase']?.detail !== 'running')
        await scene.start(id);
    }
    const targets = targetsOf(ids);
    await scene.until(async () => {
      const now = await scene.homes();
      return now.size === 256 && [...now].every(([shard, home]) => home === targets[shard]);
    }, 5_000);
    const homes = await scene.homes();
    await scene.clock.advance(2_000);
    expect(runs.length).toBeGreaterThan(0);
    for (const runId of runs) {
      const before = scene.appends.length;
      const { api } = scene.of(homes.get(shardOf(runId)) ?? '');
      const { status } = await scene.finish(api.cancelRun(defaultTenant, runId, 'me'));
      expect(status).toBe('cancelled');
      const facts = await scene.facts(runId);
      expect(facts.filter(({ type }) => type === 'run_finished')).toHaveLength(1);
      // Only its home wrote it, and without a conflict.
      expect(scene.appends.slice(before).filter(({ request }) => request.runId === runId)).toHaveLength(1);
    }
  },
);
