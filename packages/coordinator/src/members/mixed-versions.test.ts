import { defaultTenant, shardOf } from '@skein/domain';
import { createFleetScene, dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { factName, knownFacts } from '../run/known-facts.ts';

const dag = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });

/** What a build knew that had no cancellations yet. */
const old = { facts: knownFacts.filter((name) => name !== factName('cancel_requested')) };

let scene: FleetScene;

afterEach(() => scene.close());

const open = async () => {
  scene = await createFleetScene({ dags: [dag] });
};

const typesOf = async (runId: string) => (await scene.facts(runId)).map(({ type }) => type);

test('a fact that a live coordinator does not know is written by nobody, and the command says why', async () => {
  await open();
  await scene.start('new');
  await scene.settledAt(['new']);
  const runId = await scene.submit('new', 'chain');
  await scene.start('old', old);
  await scene.clock.advance(500);
  const cancelled = scene.of('new').api.cancelRun(defaultTenant, runId, 'me');
  await expect(scene.finish(cancelled)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('does not know the fact "cancel_requested"'),
  });
  expect(await typesOf(runId)).not.toContain('cancel_requested');
  await scene.stop('old');
  await scene.clock.advance(500);
  const { status } = await scene.finish(scene.of('new').api.cancelRun(defaultTenant, runId, 'me'));
  expect(status).toBe('cancelled');
});

test('a run that holds a fact which is not known here is left alone, and its shard goes to whoever knows it', async () => {
  await open();
  await scene.start('new');
  await scene.settledAt(['new']);
  const worker = await scene.join('new', { slots: 2 });
  const [stopping, going] = [await scene.submit('new', 'chain'), await scene.submit('new', 'chain')];
  const offer = worker.offers.find(({ runId }) => runId === stopping)!;
  worker.start(offer);
  void scene.of('new').api.cancelRun(defaultTenant, stopping, 'me');
  await scene.settle();
  expect(await typesOf(stopping)).toContain('cancel_requested');

  // One that may not know what it reads gets nothing from one that lives.
  await scene.start('old', old);
  await scene.clock.advance(3_000);
  expect(await scene.shares()).toEqual({ new: 256 });

  scene.kill('new');
  await scene.settledAt(['old']);
  const before = await typesOf(stopping);
  const quarantined = (): string => scene.of('old').api.readiness().checks['runs']?.detail ?? '';
  expect(quarantined()).toContain(stopping);
  expect(quarantined()).not.toContain(going);
  // Its worker is gone for good: of the run that is left alone nothing is written.
  await scene.clock.advance(20_000);
  expect(await typesOf(stopping)).toEqual(before);
  expect(await typesOf(going)).toContain('step_lost');

  await scene.start('new');
  await scene.until(async () => (await scene.homes()).get(shardOf(stopping)) === 'new');
  await scene.until(async () => (await scene.status(stopping)) === 'cancelled');
  expect(quarantined()).not.toContain(stopping);
});
