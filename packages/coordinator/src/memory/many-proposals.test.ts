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

test('a note from a clock that was ahead is folded now, not when that time has come', async () => {
  const scene = await openScene();
  const runId = await scene.submit('looks');
  const at = scene.clock.now() + 3_600_000;
  scene.stores.memory.propose('default', notes(runId, 1, { at }));
  await scene.clock.advance(2_500);
  expect((await scene.coordinator.readMemory('default', 'agent/scout')).text).toBe('0\n');
  await scene.close();
});

test('approving twice is fine, also when the memory said it already', async () => {
  const scene = await openScene();
  const runId = await scene.submit('looks');
  await scene.coordinator.setMemory('default', 'dag/looks', 'so it is\n', { by: 'ann' });
  scene.stores.memory.propose('default', notes(runId, 1, { scope: 'dag/looks', text: 'so it is' }));
  const approve = () => scene.coordinator.reviewProposal('default', `dag/looks${runId}:look:1:00000`, 'approve', 'ann');
  const first = await approve();
  expect(first).toMatchObject({ status: 'dropped', reason: 'the memory says this already' });
  expect(await approve()).toEqual(first);
  await scene.coordinator.setMemory('default', 'dag/looks', 'no more\n', { by: 'ann' });
  await expect(approve()).rejects.toMatchObject({ code: 'illegal_transition' });
  await scene.close();
});
