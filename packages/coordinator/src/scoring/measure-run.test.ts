import { defaultTenant } from '@skein/domain';
import { callOf, dagOf, stepOf } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import { ann } from '../../test/rollout-scene.ts';
import type { ScoringScene } from '../../test/scoring-scene.ts';
import { createScoringScene } from '../../test/scoring-scene.ts';

let scene: ScoringScene;
afterEach(() => scene.scene.close());

const failure = { status: 'failed', error: { code: 'internal', message: 'no' } } as const;

/** Every value that was written, by unit and metric, as often as it was. */
const observed = async (id: string): Promise<readonly string[]> =>
  (await scene.rollout.store.listObservations(defaultTenant, id, undefined, 1_000)).items.map(
    ({ seq, metric }) => `${seq} ${metric}`,
  );

describe('a run that ends', () => {
  test('gives its unit the values of all built-in metrics, in the arm that its decision recorded', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start();
    const runId = await scene.run('user-1', { durationMs: 70 });
    const [unit] = await scene.units(id);
    const decision = (await scene.scene.view(runId)).agents['scout'];
    expect(unit).toMatchObject({ seq: 1, arm: decision?.arm, runId, state: 'ended' });
    expect(unit?.values).toEqual({
      error: 0,
      latency: 70,
      costUsd: 0.5,
      tokens: 15,
      toolErrors: 1,
      turns: 1,
      schemaRepairs: 0,
      takeover: 0,
      run_failed: 0,
      run_partial: 0,
    });
  });

  test('that failed counts as an error and a failed run', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start();
    await scene.run('user-1', { outcome: failure });
    expect((await scene.units(id))[0]?.values).toMatchObject({ error: 1, run_failed: 1 });
  });

  test('of a unit that was counted before changes nothing (g.5)', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start();
    await scene.run('user-1');
    const before = await scene.units(id);
    await scene.run('user-1', { outcome: failure });
    expect(await scene.units(id)).toEqual(before);
  });

  test('by the hand of a person says nothing: all its values are missing at once', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [{ id: 'ok', kind: 'expression', expression: 'true' }] });
    const runId = await scene.submit('user-1');
    const [offer] = scene.worker.offers;
    if (offer !== undefined) scene.worker.start(offer);
    await scene.scene.coordinator.cancelRun(defaultTenant, runId, 'ann');
    await scene.answer({ outcome: { status: 'cancelled' } });
    await scene.settle();
    const [unit] = await scene.units(id);
    expect(unit?.state).toBe('ended');
    expect(Object.values(unit?.values ?? {}).every((value) => value === null)).toBe(true);
    expect(unit?.values).toHaveProperty('score:ok', null);
  });

  test('in which no step of the agent started leaves its unit to be counted another time (g.5)', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start();
    const runId = await scene.submit('user-1');
    expect(await scene.units(id)).toMatchObject([{ state: 'open' }]);
    await scene.scene.coordinator.cancelRun(defaultTenant, runId, 'ann');
    await scene.answer({ outcome: { status: 'released' } });
    await scene.settle();
    expect((await scene.units(id)).map(({ state }) => state)).toEqual(['void']);
    // The worker that handed its task back takes no other.
    await scene.rejoin();
    await scene.run('user-1');
    expect((await scene.units(id)).map(({ seq, state }) => `${seq} ${state}`)).toEqual(['1 void', '2 ended']);
  });

  test('is measured with the runs that it called', async () => {
    const inner = dagOf([agentOf('deep')], { name: 'inner' });
    const outer = dagOf([agentOf('top'), callOf('call', 'inner', {}, { depends: ['top'] })], { name: 'outer' });
    scene = await createScoringScene({ dags: [inner, outer] });
    const { id } = await scene.start();
    await scene.submit('user-1', 'outer');
    await scene.answer();
    await scene.answer({ outcome: failure });
    await scene.settle();
    expect(await scene.units(id)).toMatchObject([{ state: 'ended', values: { tokens: 30, error: 1, run_failed: 1 } }]);
  });
});

describe('a crash', () => {
  test('[defect 27] between the end of a run and its measuring loses no value: the next coordinator measures it', async () => {
    let isDead = false;
    scene = await createScoringScene({
      onCall: (name, _args, own) => (isDead && name === 'unitsOfRun' ? new Promise(() => {}) : own()),
    });
    const { id } = await scene.start();
    isDead = true;
    const runId = await scene.run('user-1');
    expect(await scene.scene.status(runId)).toBe('succeeded');
    expect(await scene.units(id)).toMatchObject([{ state: 'open', values: {} }]);
    isDead = false;
    await scene.restart();
    await scene.rollout.ticks(2);
    expect(await scene.units(id)).toMatchObject([{ state: 'ended', values: { error: 0, tokens: 15 } }]);
  });

  test('between the end of a run and its measuring loses no value of a rollout that was taken back either; a run that began after the end is no unit', async () => {
    const later = dagOf([stepOf('first'), agentOf('a', { depends: ['first'] })], { name: 'later' });
    let isDead = false;
    scene = await createScoringScene({
      dags: [later],
      onCall: (name, _args, own) => (isDead && name === 'unitsOfRun' ? new Promise(() => {}) : own()),
    });
    const { id } = await scene.start();
    const begun = await scene.submit('user-1');
    const late = await scene.submit('user-2', 'later');
    await scene.rollout.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    isDead = true;
    while ((await scene.answer()) > 0) await scene.settle();
    for (const runId of [begun, late])
      expect(await scene.scene.view(runId)).toMatchObject({
        status: 'succeeded',
        agents: { scout: { rolloutId: id } },
      });
    expect(await scene.units(id)).toMatchObject([{ runId: begun, state: 'open', values: {} }]);
    isDead = false;
    await scene.restart();
    await scene.rollout.ticks(2);
    expect(await scene.units(id)).toMatchObject([{ runId: begun, state: 'ended', values: { error: 0, tokens: 15 } }]);
    expect((await scene.rollout.record(id)).status).toBe('rolled_back');
  });

  test('between the values and the end of their unit makes no value twice', async () => {
    let isDead = false;
    scene = await createScoringScene({
      onCall: (name, _args, own) => (isDead && name === 'endUnits' ? new Promise(() => {}) : own()),
    });
    const { id } = await scene.start();
    isDead = true;
    await scene.run('user-1');
    expect(await scene.units(id)).toMatchObject([{ state: 'open', values: { error: 0 } }]);
    isDead = false;
    await scene.restart();
    await scene.rollout.ticks(2);
    expect(await scene.units(id)).toMatchObject([{ state: 'ended' }]);
    const rows = await observed(id);
    expect(rows.length).toBe(10);
    expect(new Set(rows).size).toBe(rows.length);
  });

  test('[defect 28] of the store while values are written is no crash of the coordinator: they are written later', async () => {
    let refusals = 3;
    scene = await createScoringScene({
      onCall: async (name, _args, own) => {
        if (name !== 'recordValues' || refusals === 0) return own();
        refusals -= 1;
        throw new Error('the disk is full');
      },
    });
    const { id } = await scene.start();
    await scene.run('user-1');
    expect((await scene.units(id))[0]?.state).toBe('open');
    await scene.rollout.ticks(10);
    expect(await scene.units(id)).toMatchObject([{ state: 'ended', values: { error: 0 } }]);
    expect(scene.scene.lines.some(({ message }) => message === 'a run could not be measured')).toBe(true);
  });
});

test('two coordinators that measure the same run write each value once', async () => {
  const held: (() => void)[] = [];
  let isHeld = true;
  scene = await createScoringScene({
    onCall: async (name, _args, own) => {
      if (name === 'recordValues' && isHeld) await new Promise<void>((resolve) => held.push(resolve));
      return own();
    },
  });
  const { id } = await scene.start({ scorers: [{ id: 'ok', kind: 'expression', expression: 'outputs.n >= 1' }] });
  await scene.run('user-1', { outputs: { n: 1 } });
  expect(held.length).toBeGreaterThan(0);
  const other = await scene.rollout.another();
  await scene.rollout.ticks(2);
  expect(await scene.units(id)).toMatchObject([{ state: 'ended' }]);
  isHeld = false;
  for (const go of held) go();
  await scene.rollout.ticks(2);
  await other.stop();
  const rows = await observed(id);
  expect(rows.length).toBe(12);
  expect(new Set(rows).size).toBe(rows.length);
});

test('a run that does not end in time is missing, and its later end changes nothing', async () => {
  scene = await createScoringScene();
  const { id } = await scene.start({ runDeadlineMs: 60_000 });
  await scene.submit('user-1');
  // The lease must live on, so its worker goes on to beat.
  for (let second = 0; second < 62; second += 1) {
    scene.worker.beat();
    await scene.rollout.ticks();
  }
  const [unit] = await scene.units(id);
  expect(unit?.state).toBe('ended');
  expect(Object.values(unit?.values ?? { none: 0 }).every((value) => value === null)).toBe(true);
  await scene.answer();
  await scene.settle();
  expect(await scene.units(id)).toEqual([unit]);
});

test('units whose runs go on are looked at when their time has come, not with each tick', async () => {
  scene = await createScoringScene();
  const { id } = await scene.start({ onNoData: 'ignore' });
  await scene.rollout.deal(id, { stable: 600, candidate: 600, open: true });
  await scene.rollout.ticks(2);
  const { calls } = scene.rollout;
  const before = calls.length;
  let heads = 0;
  const { runs } = scene.scene.stores;
  const readHead = runs.readHead.bind(runs);
  runs.readHead = (...args) => {
    heads += 1;
    return readHead(...args);
  };
  await scene.rollout.ticks(10);
  expect(heads).toBe(0);
  await scene.rollout.ticks(25);
  expect(heads).toBe(1_200);
  // What the evaluator reads for its own is a page for 500 units; scoring adds one look for new ones.
  const reads = calls.slice(before).filter((name) => name === 'readUnits').length;
  expect(reads).toBeLessThan(35 * 12);
});
