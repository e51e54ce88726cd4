import { defaultTenant } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';

let scene: RolloutScene;
afterEach(() => scene.scene.close());

const failed = { status: 'failed', error: { code: 'invalid_argument', message: 'no sense' } } as const;

/** Runs of `look`, one after the other, each of a unit of its own; those of the bad version fail. Answers the versions that they got. */
const drive = async (worker: ScriptedWorker, from: number, count: number): Promise<readonly string[]> => {
  const versions: string[] = [];
  for (let run = from; run < from + count; run += 1) {
    const runId = await scene.scene.submit('look', { routingContext: { resourceId: `user-${run}` } });
    const version = (await scene.scene.view(runId)).agents['scout']?.versionId ?? '';
    versions.push(version);
    await scene.scene.answer(
      worker,
      worker.offers.length - 1,
      version === scene.versions.bad ? failed : { status: 'succeeded' },
    );
  }
  return versions;
};

describe('a rollout of real runs', () => {
  it('counts the unit of each run, takes the worse version back, and admits no run to it after that (I7)', async () => {
    scene = await createRolloutScene();
    const worker = await scene.scene.join();
    const { id } = await scene.start();
    const versions = await drive(worker, 0, 70);
    await scene.ticks(2);
    const view = await scene.view(id);
    expect(view).toMatchObject({ status: 'rolled_back', statusReason: 'regression' });
    const units = await scene.units(id);
    const bad = versions.filter((version) => version === scene.versions.bad).length;
    expect(units.filter(({ arm }) => arm === 1).map(({ values }) => values['error'])).toEqual(
      Array.from({ length: bad }, () => 1),
    );
    expect(units.map(({ state }) => state)).not.toContain('open');
    // A total failure is seen after 13 blocks, without a tick of the clock in between.
    const test = view.evidence?.tests.find(({ rule }) => rule === 'error');
    expect(test?.blocks).toBeLessThanOrEqual(14);
    expect(bad - (test?.candidateValues ?? 0)).toBeLessThanOrEqual(1);
    expect(versions.slice(-10)).toEqual(Array.from({ length: 10 }, () => scene.versions.stable));
    const after = await drive(worker, 70, 10);
    expect(new Set(after)).toEqual(new Set([scene.versions.stable]));
    expect(await scene.units(id)).toHaveLength(units.length);
  });

  it('[defect 53] tells the runs that each arm got from the units that were counted', async () => {
    scene = await createRolloutScene();
    const worker = await scene.scene.join();
    const { id } = await scene.start({ candidateVersionId: scene.versions.good });
    const first = await drive(worker, 0, 12);
    const again = await drive(worker, 0, 12);
    expect(again).toEqual(first);
    const { allocations, tallies } = await scene.rollouts.results(defaultTenant, 'scout', id);
    const good = first.filter((version) => version === scene.versions.good).length;
    expect(allocations.map(({ requestCount }) => requestCount)).toEqual([2 * (12 - good), 2 * good]);
    expect(allocations.map(({ units }) => units)).toEqual([12 - good, good]);
    expect(tallies).toEqual({ routed: 24 });
  });

  it('opens the breaker when the candidate has nothing to run on while stable works, and closes it when resumed', async () => {
    scene = await createRolloutScene();
    const worker = await scene.scene.join();
    const { id } = await scene.start({ rules: [{ metric: 'error', action: 'notify' }] });
    const away = { status: 'failed', error: { code: 'unavailable', message: 'the provider is away' } } as const;
    let failures = 0;
    for (let run = 0; failures < 5; run += 1) {
      const runId = await scene.scene.submit('look', { routingContext: { resourceId: `user-${run}` } });
      const isBad = (await scene.scene.view(runId)).agents['scout']?.versionId === scene.versions.bad;
      if (isBad) failures += 1;
      await scene.scene.answer(worker, worker.offers.length - 1, isBad ? away : { status: 'succeeded' });
    }
    await scene.ticks(1);
    expect(await scene.view(id)).toMatchObject({ status: 'paused', statusReason: 'circuit_breaker', epoch: 2 });
    const paused = await scene.scene.submit('look', { routingContext: { resourceId: 'user-0' } });
    expect((await scene.scene.view(paused)).agents['scout']).toMatchObject({ source: 'stable', because: 'paused' });
    await scene.rollouts.resume(defaultTenant, 'scout', {}, ann);
    await scene.ticks(3);
    expect((await scene.view(id)).status).toBe('active');
  });

  it('forecasts from the runs that there were how long a plan takes, and refuses one that cannot end', async () => {
    scene = await createRolloutScene();
    const worker = await scene.scene.join();
    const canary = { type: 'canary', candidateVersionId: scene.versions.good } as const;
    const unknown = await scene.rollouts.forecast(defaultTenant, 'scout', canary);
    expect(unknown).toMatchObject({ unitsPerDay: 0 });
    expect(unknown.warnings.join()).toContain('nothing is known');
    await drive(worker, 0, 10);
    await drive(worker, 0, 10);
    // Ten units within an hour: 240 a day.
    const forecast = await scene.rollouts.forecast(defaultTenant, 'scout', canary);
    expect(forecast.unitsPerDay).toBeCloseTo(240, 0);
    expect(forecast.steps.map(({ weight }) => weight)).toEqual(['0.001', '0.01', '0.05', '0.25', '0.5', '1']);
    expect(forecast.steps[0]).toMatchObject({ candidateUnitsPerDay: 0.24 });
    expect(forecast.impossible).toContain('begin with a larger weight');
    const start = (more: object = {}) => scene.rollouts.start(defaultTenant, 'scout', { ...canary, ...more }, ann);
    await expect(start()).rejects.toMatchObject({ code: 'unprocessable', details: { problems: [{ field: 'steps' }] } });
    const steps = [
      { weight: 0.25, minDurationMs: 0 },
      { weight: 1, minDurationMs: 0 },
    ];
    expect((await scene.rollouts.forecast(defaultTenant, 'scout', { ...canary, steps })).impossible).toBeUndefined();
    const few = await scene.rollouts.forecast(defaultTenant, 'scout', { ...canary, weight: 0.001, steps: [] });
    expect(few.warnings.join()).toContain('fewer than 20');
    const forced = await start({ force: true, reason: 'there will be more soon' });
    expect(forced.rollout.status).toBe('active');
  });
});
