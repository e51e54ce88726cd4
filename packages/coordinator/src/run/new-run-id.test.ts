import { defaultTenant, shardOf } from '@skein/domain';
import { createFleetScene, dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';

const child = dagOf([stepOf('a')], { name: 'child' });
const parent = dagOf(
  ['x', 'y', 'z'].map((id) => stepOf(id, { action: { kind: 'call', dag: 'child', params: {} } })),
  { name: 'parent' },
);

let scene: FleetScene;

afterEach(() => scene.close());

const childrenOf = async (parentRunId: string) => {
  const { api } = scene.of('a');
  return (await scene.finish(api.listRuns({ tenant: defaultTenant, parentRunId, limit: 100 }))).items;
};

test('in a fleet a called run has the shard of its caller, and an id of its own', async () => {
  scene = await createFleetScene({ dags: [child, parent] });
  await scene.start('a');
  await scene.start('b');
  await scene.settledAt(['a', 'b']);
  const runs = await Promise.all(
    Array.from({ length: 10 }, (_, place) => scene.submit('ab'[place % 2] ?? '', 'parent')),
  );
  await scene.clock.advance(500);
  const ids = new Set<string>();
  for (const runId of runs) {
    const children = await childrenOf(runId);
    expect(children).toHaveLength(3);
    for (const one of children) {
      expect(shardOf(one.runId)).toBe(shardOf(runId));
      expect(one.runId).toMatch(/^run_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      ids.add(one.runId);
    }
  }
  expect(ids.size).toBe(30);
});

test('a tree of runs goes on as one at another home', async () => {
  scene = await createFleetScene({ dags: [child, parent] });
  await scene.start('a');
  await scene.start('b');
  await scene.settledAt(['a', 'b']);
  const runId = await scene.submit('b', 'parent');
  await scene.clock.advance(200);
  scene.kill('b');
  await scene.settledAt(['a']);
  const worker = await scene.join('a', { slots: 3 });
  await scene.until(() => worker.offers.length === 3);
  for (const offer of worker.offers) worker.finish(offer);
  await scene.until(async () => (await scene.status(runId)) === 'succeeded', 3_000);
});
