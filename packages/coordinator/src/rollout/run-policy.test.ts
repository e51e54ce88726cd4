import type { RunFact } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { callOf, dagOf } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';
import { unitsOfArm } from '../../test/routed-units.ts';
import { applyRunPolicy } from './apply-run-policy.ts';

let world: RolloutScene;
afterEach(() => world.scene.close());

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;

const three = dagOf([agentOf('a'), agentOf('b', { depends: ['a'] }), agentOf('c', { depends: ['b'] })], {
  name: 'three',
});
const outer = dagOf([callOf('go', 'three'), callOf('more', 'three', {}, { depends: ['go'] })], { name: 'outer' });

const factsOf = async <T extends RunFact['type']>(runId: string, type: T): Promise<readonly FactOf<T>[]> =>
  (await world.scene.facts(runId)).filter((fact): fact is FactOf<T> => fact.type === type);

/** A run of the candidate. */
const submit = async (dag: string, id: string): Promise<string> => {
  const [resourceId = ''] = unitsOfArm(await world.record(id), 1, 1);
  return world.scene.submit(dag, { routingContext: { resourceId } });
};

const rollback = () => world.rollouts.rollback(defaultTenant, 'scout', {}, ann);

describe('a rollback with the policy migrate', () => {
  it('moves what has not begun to the stable version, and lets a begun step keep its own until it settles (I8)', async () => {
    world = await createRolloutScene({ dags: [three, outer] });
    const { versions, scene } = world;
    const { id } = await world.start({ runPolicy: 'migrate' });
    const runId = await submit('three', id);
    const worker = await scene.join();
    await scene.answer(worker, 0);
    worker.start(worker.offers[1]!);
    await scene.settle();
    const before = (await scene.view(runId)).snapshotDigest!;
    await rollback();
    await world.ticks(2);
    const [migrated, ...others] = await factsOf(runId, 'run_migrated');
    expect(others).toEqual([]);
    expect(migrated).toMatchObject({ rolloutId: id, agentId: 'scout', begun: ['b'] });
    const view = await scene.view(runId);
    expect(view.agents['scout']).toMatchObject({ versionId: versions.stable, source: 'stable', because: 'migrated' });
    expect(view.snapshotDigest).toBe(migrated?.snapshotDigest);
    expect(view.snapshotDigest).not.toBe(before);
    // The head names the new one; the begun step still needs the old one.
    const collect = () => scene.stores.snapshots.collect(scene.clock.now() + 1, 100);
    const stored = (digest: string) => scene.stores.snapshots.find(defaultTenant, digest);
    await collect();
    expect(await stored(before)).toBeDefined();
    await scene.coordinator.gateway.reportExit(
      { token: scene.joinToken },
      { incarnation: worker.info.incarnation, exitCode: 1 },
    );
    await scene.restart();
    const next = await scene.join();
    while (next.offers.length === 0) {
      next.beat();
      await world.ticks(1);
    }
    expect(next.offers.at(-1)).toMatchObject({
      step: 'b',
      agents: { scout: versions.bad },
      snapshot: { digest: before },
    });
    await scene.answer(next, next.offers.length - 1);
    await collect();
    expect(await stored(before)).toBeUndefined();
    expect(next.offers.at(-1)).toMatchObject({
      step: 'c',
      agents: { scout: versions.stable },
      snapshot: { digest: view.snapshotDigest },
    });
    await scene.answer(next, next.offers.length - 1);
    expect(await scene.status(runId)).toBe('succeeded');
  });

  it('moves the whole tree, children that begin later among it, and takes its unit out of the evidence', async () => {
    world = await createRolloutScene({ dags: [three, outer] });
    const { versions, scene } = world;
    const { id } = await world.start({ runPolicy: 'migrate' });
    const runId = await submit('outer', id);
    const worker = await scene.join();
    const [child] = await scene.children(runId);
    expect(await world.units(id)).toMatchObject([{ state: 'open', runId }]);
    await rollback();
    await world.ticks(3);
    for (const run of [runId, child!.runId]) {
      expect(await factsOf(run, 'run_migrated')).toHaveLength(1);
      expect((await scene.view(run)).agents['scout']?.versionId).toBe(versions.stable);
    }
    expect(await world.units(id)).toMatchObject([{ state: 'void', runId }]);
    expect((await world.record(id)).policyPending).toBeUndefined();
    for (let place = 0; place < 3; place += 1) await scene.answer(worker, place);
    await scene.settle();
    const [later] = await scene.children(runId);
    expect(later?.runId).not.toBe(child?.runId);
    expect((await factsOf(later!.runId, 'run_admitted'))[0]?.agents['scout']?.versionId).toBe(versions.stable);
    expect(worker.offers.map(({ agents }) => agents['scout'])).toEqual([
      versions.bad,
      versions.stable,
      versions.stable,
      versions.stable,
    ]);
  });

  it('is found again after a crash at any call of the store, and done once', async () => {
    for (const crashAt of ['unitsOfRun', 'endUnits', 'find']) {
      let crash: (() => Promise<void>) | undefined;
      world = await createRolloutScene({
        dags: [three],
        onCall: async (name, _args, own) => {
          if (name === crashAt && crash !== undefined) {
            const now = crash;
            crash = undefined;
            await now();
          }
          return own();
        },
      });
      const { scene } = world;
      const { id } = await world.start({ runPolicy: 'migrate' });
      const runId = await submit('three', id);
      await scene.join();
      await rollback();
      crash = () => scene.restart();
      await world.ticks(4);
      expect((await world.record(id)).policyPending).toBeUndefined();
      expect(await factsOf(runId, 'run_migrated')).toHaveLength(1);
      expect(await world.units(id)).toMatchObject([{ state: 'void' }]);
      if (crashAt !== 'find') await scene.close();
    }
  });

  it('leaves alone what the stable arm runs, and what a person asked for again with the same versions', async () => {
    world = await createRolloutScene({ dags: [three] });
    const { scene, versions } = world;
    const { id } = await world.start({ runPolicy: 'migrate' });
    const runId = await submit('three', id);
    const [stable = ''] = unitsOfArm(await world.record(id), 0, 1);
    const other = await scene.submit('three', { routingContext: { resourceId: stable } });
    await scene.coordinator.cancelRun(defaultTenant, runId, 'ann');
    await scene.settle();
    await rollback();
    const same = await scene.coordinator.retryRun(defaultTenant, runId, { by: 'ann', sameVersions: true });
    await world.ticks(3);
    expect(await factsOf(other, 'run_migrated')).toEqual([]);
    expect(await factsOf(same.runId, 'run_migrated')).toEqual([]);
    expect((await scene.view(same.runId)).agents['scout']?.versionId).toBe(versions.bad);
    expect((await world.record(id)).policyPending).toBeUndefined();
  });
});

describe('a rollback with another policy', () => {
  it('abort cancels every root of the candidate with its reason, and their called runs with them', async () => {
    world = await createRolloutScene({ dags: [three, outer] });
    const { scene } = world;
    const { id } = await world.start({ runPolicy: 'abort' });
    const [stable = ''] = unitsOfArm(await world.record(id), 0, 1);
    const runId = await submit('outer', id);
    const other = await scene.submit('three', { routingContext: { resourceId: stable } });
    const [child] = await scene.children(runId);
    await rollback();
    await world.ticks(3);
    expect(await scene.status(runId)).toBe('cancelled');
    expect(await scene.status(child!.runId)).toBe('cancelled');
    expect(await scene.status(other)).toBe('running');
    expect(await factsOf(runId, 'cancel_requested')).toMatchObject([{ reason: 'rolled_back', by: `rollout ${id}` }]);
    expect((await world.record(id)).policyPending).toBeUndefined();
  });

  it('drain lets open runs end on what they began with', async () => {
    world = await createRolloutScene({ dags: [three] });
    const { scene, versions } = world;
    const { id } = await world.start({ runPolicy: 'drain' });
    const runId = await submit('three', id);
    const worker = await scene.join();
    await rollback();
    await world.ticks(2);
    for (let place = 0; place < 3; place += 1) await scene.answer(worker, place);
    expect(worker.offers.map(({ agents }) => agents['scout'])).toEqual([versions.bad, versions.bad, versions.bad]);
    expect(await scene.status(runId)).toBe('succeeded');
    const engine = undefined as never;
    expect(await applyRunPolicy(engine, await world.record(id))).toBe(true);
  });
});
