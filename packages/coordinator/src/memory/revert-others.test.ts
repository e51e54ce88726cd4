import type { StoredProposal } from '@skein/domain';
import { createScene, dagOf, publishProject, type Scene, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';
import { defaultCoordinatorConfig } from '../index.ts';

const plain = dagOf([stepOf('a')], { name: 'plain' });
const auto = { global: 'auto', dag: 'auto', agent: 'auto' } as const;

/** A scene with so many runs. */
const openScene = async (runs: number): Promise<{ readonly scene: Scene; readonly runIds: readonly string[] }> => {
  const scene = await createScene({
    dags: [],
    config: { memory: { ...defaultCoordinatorConfig.memory, policies: auto } },
  });
  await publishProject(scene.stores.projects, scene.hasher, 'default', [plain], scene.clock.now());
  const runIds: string[] = [];
  for (let run = 0; run < runs; run += 1) runIds.push(await scene.submit('plain'));
  return { scene, runIds };
};

let count = 0;
const proposal = (runId: string | undefined, changes: Partial<StoredProposal>): StoredProposal => {
  count += 1;
  return {
    proposalId: `${runId}:look:1:${count}`,
    runId: runId ?? '',
    step: 'look',
    attempt: 1,
    agentId: 'scout',
    versionId: 'sha256:aa',
    at: 1_000 + count,
    status: 'pending',
    scope: 'agent/scout',
    op: 'append',
    text: '',
    ...changes,
  };
};
const fold = async (scene: Scene, ...proposals: StoredProposal[]) => {
  scene.stores.memory.propose('default', proposals);
  await scene.coordinator.foldNow('default');
};
const text = async (scene: Scene) => (await scene.coordinator.readMemory('default', 'agent/scout')).text;
const statusOf = async (scene: Scene, { proposalId }: StoredProposal) =>
  (await scene.stores.memory.findProposal('default', proposalId))?.status;

test('a proposal that a person approved after a revert counts once, where it was approved', async () => {
  const { scene, runIds } = await openScene(3);
  const [bad, other, third] = runIds;
  const red = proposal(bad, { text: 'the door is red' });
  const blue = proposal(other, { op: 'replace', basis: 'red', text: 'blue' });
  await fold(scene, red, blue);
  await scene.coordinator.revertRun('default', bad!, 'ann');
  expect(await statusOf(scene, blue)).toBe('review');
  await fold(scene, proposal(third, { text: 'the roof is red' }));
  await scene.coordinator.reviewProposal('default', blue.proposalId, 'approve', 'ann');
  const extra = proposal(bad, { text: 'noise' });
  await fold(scene, extra);
  expect(await text(scene)).toBe('the roof is blue\nnoise\n');
  expect((await scene.coordinator.revertRun('default', bad!, 'ann')).scopes).toMatchObject([
    { reverted: 1, review: 0 },
  ]);
  expect(await text(scene)).toBe('the roof is blue\n');
  expect(await statusOf(scene, blue)).toBe('folded');
  await scene.close();
});

test('what another run said too, and was dropped because the memory said it, waits for a person when the first is reverted', async () => {
  const { scene, runIds } = await openScene(2);
  const [bad, other] = runIds;
  await fold(scene, proposal(other, { text: 'the sky is blue' }), proposal(bad, { text: 'the door is red' }));
  const same = proposal(other, { text: 'the door is red' });
  await fold(scene, same, proposal(bad, { text: 'the wall is grey' }));
  const swap = proposal(other, { op: 'replace', basis: 'the wall is green', text: 'the wall is grey' });
  const empty = proposal(other, { text: ' ' });
  await fold(scene, swap, proposal(other, { text: 'the sky is blue' }), empty);
  expect(await statusOf(scene, swap)).toBe('dropped');
  expect((await scene.coordinator.revertRun('default', bad!, 'ann')).scopes).toMatchObject([
    { reverted: 2, review: 2 },
  ]);
  expect(await text(scene)).toBe('the sky is blue\n');
  expect([await statusOf(scene, same), await statusOf(scene, swap), await statusOf(scene, empty)]).toEqual([
    'review',
    'review',
    'dropped',
  ]);
  expect((await scene.stores.memory.findProposal('default', same.proposalId))?.reason).toContain(bad);
  await scene.coordinator.reviewProposal('default', same.proposalId, 'approve', 'ann');
  expect(await text(scene)).toBe('the sky is blue\nthe door is red\n');
  await scene.close();
});

test('what a text that a person set later replaced is not asked for again, nor what was dropped and changed before', async () => {
  const { scene, runIds } = await openScene(3);
  const [bad, other, third] = runIds;
  const red = proposal(bad, { text: 'the door is red' });
  const same = proposal(third, { text: 'the door is red' });
  const blue = proposal(other, { op: 'replace', basis: 'red', text: 'blue' });
  await fold(scene, red, same, blue);
  expect(await statusOf(scene, same)).toBe('dropped');
  await scene.coordinator.setMemory('default', 'agent/scout', 'mine\n', { by: 'ann' });
  await fold(scene, proposal(bad, { text: 'noise' }));
  expect((await scene.coordinator.revertRun('default', bad!, 'ann')).scopes).toMatchObject([
    { reverted: 2, review: 0 },
  ]);
  expect([await text(scene), await statusOf(scene, blue), await statusOf(scene, same)]).toEqual([
    'mine\n',
    'folded',
    'dropped',
  ]);
  await scene.close();
});
