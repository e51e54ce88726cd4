import { defaultTenant, shardOf } from '@skein/domain';
import { createFleetScene, dagOf, type FleetScene, publishAgents } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';

const by = { actor: 'ann' };
const twice = dagOf([agentOf('a'), agentOf('b', { depends: ['a'] })], { name: 'twice' });

let scene: FleetScene;

afterEach(() => scene.close());

/** A fleet in which half of the runs of `twice` get the candidate. */
const open = async (ids: readonly string[]): Promise<{ readonly id: string; readonly bad: string }> => {
  scene = await createFleetScene({ dags: [] });
  const { projects } = scene.stores;
  const versions: string[] = [];
  for (const skill of [{ bad: 10 }, {}]) {
    const agents = { scout: skill as { readonly [name: string]: number } };
    await publishAgents(projects, scene.hasher, { dags: [twice], agents });
    versions.push((await projects.activeVersion(defaultTenant, 'scout'))?.versionId ?? '');
  }
  const [bad = ''] = versions;
  for (const id of ids) await scene.start(id);
  await scene.settledAt(ids);
  const start = { type: 'canary', candidateVersionId: bad, weight: 0.5, runPolicy: 'abort' } as const;
  const { rollout } = await scene.finish(scene.of(ids[0] ?? '').api.rollouts.start(defaultTenant, 'scout', start, by));
  return { id: rollout.id, bad };
};

/** A run on the candidate that is at home at this coordinator. */
const candidateAt = async (coordinatorId: string, bad: string): Promise<string> => {
  for (let unit = 0; unit < 60; unit += 1) {
    const routingContext = { resourceId: `user-${coordinatorId}-${unit}` };
    const { api } = scene.of(coordinatorId);
    const { run } = await scene.finish(api.submitRun(defaultTenant, { dag: 'twice', routingContext }));
    if (run.agents['scout']?.versionId === bad) return run.runId;
  }
  throw new Error('no run got the candidate');
};

const recordOf = async (id: string) => (await scene.stores.rollouts.find(defaultTenant, id))!;

const doneEvents = async (id: string) =>
  (await scene.stores.rollouts.readEvents(defaultTenant, 0, 1_000, id)).events.filter(
    ({ type }) => type === 'policy_done',
  );

test('a rollback reaches the runs of every home, and is done when none is left anywhere', async () => {
  const { id, bad } = await open(['a', 'b', 'c']);
  const runs = [await candidateAt('a', bad), await candidateAt('b', bad), await candidateAt('c', bad)];
  const { api } = scene.of('a');
  await scene.finish(api.rollouts.rollback(defaultTenant, 'scout', {}, by));
  await scene.clock.advance(4_000);
  for (const runId of runs) expect(await scene.status(runId)).toBe('cancelled');
  // Each by its own home.
  const homes = await scene.homes();
  for (const runId of runs) {
    const last = scene.appends.filter(({ request }) => request.runId === runId).at(-1);
    expect(last?.by).toBe(homes.get(shardOf(runId)));
  }
  expect((await recordOf(id)).policyPending).toBeUndefined();
  expect(await doneEvents(id)).toHaveLength(1);
});

test('it is not done while a run that was taken back is at home at a coordinator that does not answer', async () => {
  const { id, bad } = await open(['a', 'b']);
  const holder = (await scene.homes()).get(shardOf(`rollout/${id}`)) ?? '';
  const other = holder === 'a' ? 'b' : 'a';
  const runId = await candidateAt(other, bad);
  scene.of(other).process.stop();
  await scene.finish(scene.of(holder).api.rollouts.rollback(defaultTenant, 'scout', {}, by));
  await scene.clock.advance(500);
  expect((await recordOf(id)).policyPending).toBe(true);
  expect(await scene.status(runId)).toBe('running');
  // It stays away, so that the other one is home to the run, and does what is left.
  await scene.until(async () => (await scene.status(runId)) === 'cancelled', 10_000);
  await scene.until(async () => (await recordOf(id)).policyPending === undefined, 10_000);
  expect(await doneEvents(id)).toHaveLength(1);
});

test('whoever has the duty after the death of another judges by what is stored, and one rolls back', async () => {
  const { id } = await open(['a', 'b', 'c']);
  const { epoch, rules } = await recordOf(id);
  const at = scene.clock.now();
  const units = Array.from({ length: 300 }, (_, place) => ({ seq: place + 1, arm: place % 2 }));
  scene.stores.rollouts.units.expose(
    defaultTenant,
    units.map(({ seq, arm }) => ({ rolloutId: id, unit: `user-${seq}`, arm, epoch, at, runId: `run_dealt_${seq}` })),
  );
  const holder = (await scene.homes()).get(shardOf(`rollout/${id}`)) ?? '';
  scene.kill(holder);
  const { rollouts } = scene.stores;
  await rollouts.endUnits(
    defaultTenant,
    units.map(({ seq }) => ({ rolloutId: id, seq, state: 'ended' as const, at })),
  );
  const metrics = [...new Set(rules.map(({ metric }) => metric))];
  const values = units.flatMap(({ seq, arm }) =>
    metrics.map((metric) => ({ rolloutId: id, metric, seq, value: metric === 'error' && arm === 1 ? 1 : 0, at })),
  );
  await rollouts.recordValues(defaultTenant, values);
  await scene.clock.advance(4_000);
  expect((await recordOf(id)).status).toBe('rolled_back');
  const { events } = await rollouts.readEvents(defaultTenant, 0, 1_000, id);
  expect(events.filter(({ type }) => type === 'rolled_back')).toHaveLength(1);
});
