import { defaultTenant } from '@skein/domain';
import { createFleetScene, createMemoryLog, dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import type { CoordinatorDeps } from '../engine/coordinator-deps.ts';
import { defaultCoordinatorConfig } from '../engine/coordinator-deps.ts';
import { createScheduler } from '../schedule/fire-schedules.ts';

const one = dagOf([stepOf('a')], { name: 'one' });

let scene: FleetScene;

afterEach(() => scene.close());

/** Sweeps of retention, by coordinator. */
const openCounted = async (ids: readonly string[]): Promise<Map<string, number>> => {
  const sweeps = new Map<string, number>();
  const counted = (id: string): Partial<CoordinatorDeps> => ({
    delivery: new Proxy(scene.stores.delivery, {
      get: (target, name) => {
        if (name === 'pruneEvents') sweeps.set(id, (sweeps.get(id) ?? 0) + 1);
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
      },
    }),
  });
  const retention = { ...defaultCoordinatorConfig.retention, sweepMs: 2_000 };
  scene = await createFleetScene({ dags: [one], deps: counted, config: { retention } });
  for (const id of ids) await scene.start(id);
  await scene.settledAt(ids);
  sweeps.clear();
  return sweeps;
};

test('one coordinator sweeps, and when it dies another one goes on', async () => {
  const sweeps = await openCounted(['a', 'b', 'c']);
  await scene.clock.advance(6_100);
  expect(sweeps.size).toBe(1);
  const [holder = ''] = sweeps.keys();
  expect(sweeps.get(holder)).toBeGreaterThanOrEqual(3);
  scene.kill(holder);
  sweeps.clear();
  await scene.clock.advance(3_500);
  expect(sweeps.size).toBe(1);
  expect(sweeps.has(holder)).toBe(false);
});

test('a DAG that was published by another coordinator is used by the next submit', async () => {
  await openCounted(['a', 'b']);
  await scene.submit('b', 'one');
  const newer = dagOf([stepOf('a'), stepOf('z')], { name: 'one' });
  await scene.publish([newer]);
  const { run } = await scene.finish(scene.of('b').api.submitRun(defaultTenant, { dag: 'one' }));
  expect(run.steps.map(({ id }) => id)).toEqual(['a', 'z']);
});

test('three schedulers at three coordinators, of which one dies, start one run per instant', async () => {
  await openCounted(['a', 'b', 'c']);
  const periodMs = 5_000;
  const schedule = {
    tenant: defaultTenant,
    dag: 'one',
    scheduleId: 'minute',
    cron: '*/5 * * * * *',
    timeZone: 'UTC',
    dagDigest: '',
  };
  const created: number[] = [];
  const schedulers = ['a', 'b', 'c'].map((id) => {
    const { api, process } = scene.of(id);
    return createScheduler({
      clock: process.clock,
      cron: {
        nextFire: (_rule, _zone, afterMs) => (Math.floor(afterMs / periodMs) + 1) * periodMs,
      },
      log: createMemoryLog(),
      schedules: { listSchedules: async () => [schedule] },
      submitFire: async ({ dag, scheduleId, nominalAt }) => {
        const fire = { scheduleId, nominalAt };
        const outcome = await api.submitRun(defaultTenant, { dag, fire });
        if (outcome.created) created.push(nominalAt);
        return outcome;
      },
    });
  });
  for (const scheduler of schedulers) scheduler.start();
  await scene.clock.advance(15_000);
  scene.kill('b');
  await scene.clock.advance(15_000);
  const [first = 0] = created;
  expect(created.length).toBeGreaterThanOrEqual(6);
  expect(created).toEqual(created.map((_, place) => first + place * periodMs));
});

test('runs that wait are let in by their home without a pause, whoever claims their hints', async () => {
  /** The others are always quicker than `a`. */
  const slow = (): Partial<CoordinatorDeps> => ({
    queue: new Proxy(scene.stores.queue, {
      get: (target, name) => {
        if (name === 'claim') return async () => [];
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
      },
    }),
  });
  const deps = (id: string): Partial<CoordinatorDeps> => (id === 'a' ? slow() : {});
  scene = await createFleetScene({ dags: [one], config: { minWindow: 2 }, deps });
  for (const id of ['a', 'b', 'c']) await scene.start(id);
  await scene.settledAt(['a', 'b', 'c']);
  const worker = await scene.join('a', { slots: 2 });
  const runs = await Promise.all(Array.from({ length: 24 }, () => scene.submit('a', 'one')));
  let finished = 0;
  const tookMs = await scene.until(async () => {
    for (const offer of worker.offers.slice(finished)) {
      finished += 1;
      worker.finish(offer);
      worker.credits(2);
    }
    return finished === runs.length;
  });
  for (const runId of runs) await scene.until(async () => (await scene.status(runId)) === 'succeeded');
  expect(tookMs).toBeLessThan(1_000);
});
