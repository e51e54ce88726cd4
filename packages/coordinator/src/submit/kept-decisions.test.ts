import { defaultTenant } from '@skein/domain';
import { callOf, dagOf } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';
import { unitsOfArm } from '../../test/routed-units.ts';

let world: RolloutScene;
afterEach(() => world.scene.close());

describe('what was decided for a run', () => {
  it('stays for all of its steps, called DAGs and attempts, whatever becomes of the rollout meanwhile (I8)', async () => {
    const inner = dagOf([agentOf('x'), agentOf('y', { depends: ['x'] })], { name: 'inner' });
    const outer = dagOf([agentOf('a'), callOf('go', 'inner', {}, { depends: ['a'] })], { name: 'outer' });
    world = await createRolloutScene({ dags: [inner, outer] });
    const { scene, versions } = world;
    const { id } = await world.start();
    const [resourceId = ''] = unitsOfArm(await world.record(id), 1, 1);
    const runId = await scene.submit('outer', { routingContext: { resourceId } });
    const worker = await scene.join();
    await world.rollouts.patch(defaultTenant, 'scout', { revision: 1, weight: '0.000001' }, ann);
    await scene.answer(worker, 0);
    await world.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    await scene.answer(worker, 1);
    await scene.restart();
    const next = await scene.join();
    while (next.offers.length === 0) {
      next.beat();
      await world.ticks(1);
    }
    expect(next.offers[0]).toMatchObject({ dagName: 'inner', step: 'y' });
    const offered = [...worker.offers, ...next.offers];
    expect(new Set(offered.map(({ agents }) => agents['scout']))).toEqual(new Set([versions.bad]));
    expect(new Set(offered.map(({ snapshot }) => snapshot?.digest)).size).toBe(1);
    const [child] = await scene.children(runId);
    expect((await scene.view(child!.runId)).agents).toEqual((await scene.view(runId)).agents);
  });

  it('[g12.5] changes for no unit of the candidate when its weight is raised (O3)', async () => {
    world = await createRolloutScene();
    const { id } = await world.start({ weight: 0.2 });
    const units = unitsOfArm(await world.record(id), 1, 5);
    const armOf = async (resourceId: string): Promise<number | undefined> => {
      const runId = await world.scene.submit('look', { routingContext: { resourceId } });
      return (await world.scene.view(runId)).agents['scout']?.arm;
    };
    let revision = 1;
    for (const weight of [0.2, 0.3, 0.7, 1]) {
      if (weight > 0.2) ({ revision } = await world.rollouts.patch(defaultTenant, 'scout', { revision, weight }, ann));
      expect(await Promise.all(units.map(armOf))).toEqual(units.map(() => 1));
    }
  });
});

describe('a run that Skein started to evaluate another', () => {
  it('is no admission of a rollout, exposes nothing, is listed under its run and not retried', async () => {
    world = await createRolloutScene();
    const { scene, versions } = world;
    const { id } = await world.start({ shadow: 1 });
    const [resourceId = ''] = unitsOfArm(await world.record(id), 0, 1);
    const worker = await scene.join({ slots: 4, labels: { 'skein.feature/playback': 'yes' } });
    const runId = await scene.submit('look', { routingContext: { resourceId } });
    await scene.answer(worker, 0);
    await world.ticks(3);
    const [shadow] = await scene.children(runId);
    expect(await scene.stores.runs.readHead(defaultTenant, shadow!.runId)).toMatchObject({
      parentRunId: runId,
      rootRunId: runId,
    });
    expect((await scene.view(shadow!.runId)).agents['scout']).toEqual({ versionId: versions.bad, source: 'explicit' });
    const roots = await scene.coordinator.listRuns({ tenant: defaultTenant, limit: 10 });
    expect(roots.items.map((run) => run.runId)).toEqual([runId]);
    const own = scene.appends.filter((append) => append.runId === shadow!.runId);
    expect(own.flatMap(({ tallies = [], exposures = [] }) => [...tallies, ...exposures])).toEqual([]);
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ routed: 1, 'arm:0': 1 });
    expect(await world.units(id)).toHaveLength(1);
    await scene.coordinator.cancelRun(defaultTenant, shadow!.runId, 'ann').catch(() => undefined);
    await scene.settle();
    const retry = scene.coordinator.retryRun(defaultTenant, shadow!.runId, { by: 'ann' });
    await expect(retry).rejects.toMatchObject({ code: 'illegal_transition', details: { ofRunId: runId } });
  });
});
