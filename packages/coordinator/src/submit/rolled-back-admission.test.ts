import type { RunFact } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { callOf, dagOf } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';
import { unitsOfArm } from '../../test/routed-units.ts';

let world: RolloutScene;
afterEach(() => world.scene.close());

type Admitted = Extract<RunFact, { readonly type: 'run_admitted' }>;

const admitted = async (runId: string): Promise<Admitted> =>
  (await world.scene.facts(runId)).find((fact): fact is Admitted => fact.type === 'run_admitted')!;
const decided = async (runId: string) => (await admitted(runId)).agents['scout'];
const unit = async (id: string, arm: number): Promise<string> => unitsOfArm(await world.record(id), arm, 1)[0]!;
const submit = (resourceId: string, dag = 'look') => world.scene.submit(dag, { routingContext: { resourceId } });
const failed = { status: 'failed', error: { code: 'invalid_argument', message: 'no' } } as const;

describe('a rollback', () => {
  const submitMany = async (id: string, count: number): Promise<readonly string[]> => {
    const units = unitsOfArm(await world.record(id), 1, count);
    const runs = await Promise.all(
      units.map(async (resourceId) => {
        const { run } = await world.scene.coordinator.submitRun(defaultTenant, {
          dag: 'look',
          routingContext: { resourceId },
        });
        return run.runId;
      }),
    );
    await world.scene.settle();
    return runs;
  };

  it('[g12.15] lets none of 32 concurrent submitters in to the candidate once it is committed (I7, O4)', async () => {
    let prepared = 0;
    let rollback: Promise<unknown> | undefined;
    const late: unknown[] = [];
    world = await createRolloutScene({
      config: { minWindow: 100 },
      onAppend: async (request, append) => {
        const isCandidate = request.facts.some(
          (fact) => fact.type === 'run_admitted' && fact.agents['scout']?.arm === 1,
        );
        if (!isCandidate) return append(request);
        prepared += 1;
        // Half of those that were prepared before it come to the store after it.
        const isLate = prepared > 16;
        if (isLate) {
          rollback ??= world.rollouts.rollback(defaultTenant, 'scout', {}, ann);
          await rollback;
        }
        const outcome = await append(request);
        if (isLate && outcome.status === 'appended') late.push(request.runId);
        return outcome;
      },
    });
    const { id } = await world.start();
    const runs = await submitMany(id, 32);
    await world.scene.clock.advance(20_000);
    await world.scene.settle();
    expect(prepared).toBeGreaterThanOrEqual(32);
    expect(late).toEqual([]);
    const versions = await Promise.all(runs.map(async (runId) => (await decided(runId))?.versionId));
    expect(versions).not.toContain(undefined);
    expect(versions.filter((version) => version === world.versions.bad)).toHaveLength(16);
    expect(versions.filter((version) => version === world.versions.stable)).toHaveLength(16);
  });

  it('covers what is still queued: it is decided when it is let in', async () => {
    world = await createRolloutScene({ config: { minWindow: 1 } });
    const { id } = await world.start();
    const [one = '', two = ''] = unitsOfArm(await world.record(id), 1, 2);
    const first = await submit(one);
    const queued = await submit(two);
    expect(await world.scene.status(queued)).toBe('queued');
    await world.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    await world.scene.coordinator.cancelRun(defaultTenant, first, 'ann');
    await world.scene.clock.advance(3_000);
    await world.scene.settle();
    expect(await decided(first)).toMatchObject({ arm: 1 });
    expect(await decided(queued)).toEqual({ versionId: world.versions.stable, source: 'active' });
  });

  it('takes its version from retries, unless the same versions are asked for', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const runId = await submit(await unit(id, 1));
    const worker = await world.scene.join({ slots: 4 });
    await world.scene.answer(worker, 0, failed);
    await world.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    const retry = async (options: { readonly sameVersions?: boolean } = {}) => {
      const retried = await world.scene.coordinator.retryRun(defaultTenant, runId, { by: 'ann', ...options });
      await world.scene.settle();
      return retried.runId;
    };
    const plain = await retry();
    expect(await decided(plain)).toEqual({ versionId: world.versions.stable, source: 'active' });
    const offers = worker.offers.filter((offer) => offer.runId === plain);
    expect(offers.at(-1)?.agents).toEqual({ scout: world.versions.stable });
    expect(offers.at(-1)?.snapshot?.digest).toBe((await admitted(plain)).snapshotDigest);
    expect((await admitted(plain)).snapshotDigest).not.toBe((await admitted(runId)).snapshotDigest);
    const same = await retry({ sameVersions: true });
    expect(await decided(same)).toMatchObject({ versionId: world.versions.bad, source: 'retry', arm: 1 });
    expect((await world.scene.facts(same))[0]).toMatchObject({ source: { kind: 'retry', sameVersions: true } });
  });
});

describe('an exposure', () => {
  it('is written with the first lease of the agent, once per unit, and for a called run with its root', async () => {
    const outer = dagOf([callOf('go', 'two')], { name: 'outer' });
    const two = dagOf([agentOf('a'), agentOf('b')], { name: 'two' });
    world = await createRolloutScene({ dags: [outer, two] });
    const { id } = await world.start();
    const candidate = await unit(id, 1);
    const runId = await submit(candidate, 'outer');
    expect(await world.units(id)).toEqual([]);
    await world.scene.join({ slots: 4 });
    const exposing = () => world.scene.appends.filter(({ exposures }) => exposures !== undefined);
    expect(exposing()).toHaveLength(1);
    expect(exposing()[0]?.facts.map(({ type }) => type)).toContain('step_leased');
    expect(await world.units(id)).toMatchObject([{ seq: 1, arm: 1, epoch: 1, runId, state: 'open' }]);
    await world.scene.restart();
    await world.scene.join({ slots: 4 });
    await submit(candidate);
    expect(await world.units(id)).toHaveLength(1);
  });

  it('[defect 39] concerns stored versions only: an agent that exists in code alone has no version that a run could name', async () => {
    world = await createRolloutScene();
    const start = world.rollouts.start(
      defaultTenant,
      'in-code',
      { type: 'canary', candidateVersionId: 'v2', weight: 0.5 },
      ann,
    );
    await expect(start).rejects.toMatchObject({ code: 'not_found' });
  });
});
