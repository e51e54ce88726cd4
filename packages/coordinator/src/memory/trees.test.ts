import type { MemoryProposal } from '@skein/domain';
import { callOf, createScene, dagOf, publishProject, type Scene, type ScriptedWorker, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';

const agent = { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {} } as const;
const looks = stepOf('look', { action: { ...agent, memory: { read: true, propose: true } } });
const inner = dagOf([looks], { name: 'inner' });
const outer = dagOf([callOf('go', 'inner'), { ...looks, id: 'after', depends: ['go'] }], { name: 'outer' });

const open = async (): Promise<{ readonly scene: Scene; readonly worker: ScriptedWorker }> => {
  const scene = await createScene({ dags: [] });
  await publishProject(scene.stores.projects, scene.hasher, 'default', [inner, outer], scene.clock.now());
  return { scene, worker: await scene.join() };
};

/** The result of the offer, with notes for the agent's memory. */
const remember = async (scene: Scene, worker: ScriptedWorker, offer: number, ...texts: string[]) => {
  const { runId, step, attempt, token } = worker.offers[offer]!;
  const proposals = texts.map((text): MemoryProposal => ({ scope: 'agent/scout', op: 'append', text }));
  const outcome = { status: 'succeeded' } as const;
  worker.send({
    type: 'result',
    result: { runId, step, attempt, token, outcome, outputs: {}, durationMs: 1, proposals },
  });
  // Notes of one instant are in the order of their ids.
  await scene.clock.advance(1);
  return runId;
};
const text = async (scene: Scene) => (await scene.coordinator.readMemory('default', 'agent/scout')).text;

test('a revert takes back what called runs wrote too, and one of a called run only what it wrote', async () => {
  const { scene, worker } = await open();
  const runs: string[] = [];
  for (const round of [0, 1]) {
    runs.push(await scene.submit('outer'));
    await remember(scene, worker, 2 * round, `child ${round}`);
    await remember(scene, worker, 2 * round + 1, `root ${round}`);
  }
  await scene.coordinator.foldNow('default');
  expect(await text(scene)).toBe('child 0\nroot 0\nchild 1\nroot 1\n');
  await scene.coordinator.revertRun('default', runs[0]!, 'ann');
  expect(await text(scene)).toBe('child 1\nroot 1\n');
  const [child] = await scene.children(runs[1]!);
  await scene.coordinator.revertRun('default', child!.runId, 'ann');
  expect(await text(scene)).toBe('root 1\n');
  await scene.close();
});

test('what comes from untrusted input waits for a person in called runs, in retries and in called runs of retries', async () => {
  const { scene, worker } = await open();
  const runId = await scene.submit('outer', { untrustedInput: true });
  await remember(scene, worker, 0, 'of the child');
  worker.finish(worker.offers[1]!, { status: 'failed', error: { code: 'internal', message: 'no' } });
  await scene.settle();
  for (const latest of [false, true]) {
    await scene.coordinator.retryRun('default', runId, { latest, by: 'ann' });
    await scene.settle();
    await remember(scene, worker, worker.offers.length - 1, `of the retry ${latest}`);
  }
  const child = (await scene.children(runId))[0]!.runId;
  await scene.coordinator.foldNow('default');
  const { items } = await scene.coordinator.listProposals('default', { limit: 10 });
  expect(items.map((one) => [one.text, one.status, one.reason])).toEqual(
    ['of the child', 'of the retry false', 'of the retry true'].map((said) => [
      said,
      'review',
      'the input of its run is not trusted',
    ]),
  );
  expect(items[0]?.runId).toBe(child);
  await scene.close();
});

test('a revert refuses what waits for a person, and leaves a text between two writes of the run as it was set', async () => {
  const { scene, worker } = await open();
  const runId = await scene.submit('outer');
  await remember(scene, worker, 0, 'before');
  await scene.coordinator.foldNow('default');
  await scene.coordinator.setMemory('default', 'agent/scout', 'by hand\n', { by: 'ann' });
  scene.stores.memory.propose('default', [
    {
      proposalId: `${runId}:x:1:00`,
      runId,
      step: 'x',
      attempt: 1,
      agentId: 'scout',
      versionId: 'v',
      at: 1,
      status: 'review',
      scope: 'agent/scout',
      op: 'append',
      text: 'waits',
    },
  ]);
  await remember(scene, worker, 1, 'after');
  await scene.coordinator.foldNow('default');
  expect(await text(scene)).toBe('by hand\nafter\n');
  expect((await scene.coordinator.revertRun('default', runId, 'ann')).scopes).toMatchObject([
    { reverted: 2, rejected: 1, setSince: true },
  ]);
  expect(await text(scene)).toBe('by hand\n');
  await scene.close();
});

test('a fold outlasts a storm of other changes, and gives up with its proposals untouched when the storm does not end', async () => {
  const { scene, worker } = await open();
  await scene.submit('outer');
  await remember(scene, worker, 0, 'note');
  const commit = scene.stores.memory.commit.bind(scene.stores.memory);
  let storms = 5;
  scene.stores.memory.commit = async (asked) => {
    if (storms === 0) return commit(asked);
    storms -= 1;
    return 'conflict';
  };
  const folded = scene.coordinator.foldNow('default');
  await scene.clock.advance(900);
  expect(await folded).toMatchObject([{ folded: 1 }]);
  expect(await text(scene)).toBe('note\n');
  await remember(scene, worker, 1, 'second');
  storms = 1_000;
  const lost = expect(scene.coordinator.foldNow('default')).rejects.toMatchObject({ code: 'version_conflict' });
  await scene.clock.advance(2_000);
  await lost;
  storms = 0;
  await scene.coordinator.foldNow('default');
  expect(await text(scene)).toBe('note\nsecond\n');
  await scene.close();
});

test('an empty text is a memory, also where there was none', async () => {
  const { scene } = await open();
  const set = () => scene.coordinator.setMemory('default', 'dag/inner', '', { by: 'ann', expectedRevision: 0 });
  expect(await set()).toMatchObject({ revision: 1, bytes: 0, text: '' });
  await expect(set()).rejects.toMatchObject({ code: 'version_conflict' });
  await scene.close();
});
