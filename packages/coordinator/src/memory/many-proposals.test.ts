import type { StoredProposal } from '@skein/domain';
import { createScene, dagOf, publishProject, type Scene, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';

const dag = dagOf(
  [
    stepOf('look', {
      action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: false, propose: true } },
    }),
  ],
  { name: 'looks' },
);

const openScene = async (): Promise<Scene> => {
  const scene = await createScene({ dags: [], config: { minWindow: 2_000 } });
  for (const tenant of ['default', 'other']) {
    await publishProject(scene.stores.projects, scene.hasher, tenant, [dag], scene.clock.now());
  }
  return scene;
};

/** So many notes of one run for one scope each, or all for the agent's. */
const notes = (runId: string, count: number, changes: Partial<StoredProposal> = {}): StoredProposal[] =>
  Array.from({ length: count }, (_, index) => ({
    proposalId: `${changes.scope ?? ''}${runId}:look:1:${String(index).padStart(5, '0')}`,
    runId,
    step: 'look',
    attempt: 1,
    agentId: 'scout',
    versionId: 'sha256:aa',
    at: 1_000,
    status: 'pending',
    scope: 'agent/scout',
    op: 'append',
    text: String(index),
    ...changes,
  }));

test('notes of one attempt are folded in the order in which it made them, also when there are more than ten', async () => {
  const scene = await openScene();
  const worker = await scene.join();
  const runId = await scene.submit('looks');
  const { step, attempt, token } = worker.offers[0]!;
  const texts = Array.from({ length: 64 }, (_, index) => `note ${index}`);
  worker.send({
    type: 'result',
    result: {
      runId,
      step,
      attempt,
      token,
      outcome: { status: 'succeeded' },
      outputs: {},
      durationMs: 1,
      proposals: texts.map((text) => ({ scope: 'agent/scout', op: 'append', text })),
    },
  });
  await scene.settle();
  await scene.coordinator.foldNow('default');
  const { text } = await scene.coordinator.readMemory('default', 'agent/scout');
  expect(text.trim().split('\n')).toEqual(texts);
  await scene.close();
});

test('a fold that is asked for takes all of thousands that wait in one scope, in their order', async () => {
  const scene = await openScene();
  const runId = await scene.submit('looks');
  scene.stores.memory.propose('default', notes(runId, 3_000));
  expect(await scene.coordinator.foldNow('default')).toMatchObject([{ scope: 'agent/scout', folded: 3_000 }]);
  const { text } = await scene.coordinator.readMemory('default', 'agent/scout');
  expect(text.trim().split('\n')).toEqual(Array.from({ length: 3_000 }, (_, index) => String(index)));
  await scene.close();
});

test('a fold that is asked for reaches every scope of the tenant, however many wait before it elsewhere', async () => {
  const scene = await openScene();
  const runId = await scene.submit('looks');
  for (let index = 0; index < 300; index += 1) {
    scene.stores.memory.propose('other', notes('run_x', 1, { scope: `dag/d${index}`, at: 1 }));
    scene.stores.memory.propose('default', notes(runId, 1, { scope: `dag/d${index}` }));
  }
  const folds = await scene.coordinator.foldNow('default');
  expect(new Set(folds.map(({ scope }) => scope)).size).toBe(300);
  expect((await scene.stores.memory.pendingScopes(1_000)).map(({ tenant }) => tenant)).toEqual(
    Array.from({ length: 300 }, () => 'other'),
  );
  await scene.close();
});
