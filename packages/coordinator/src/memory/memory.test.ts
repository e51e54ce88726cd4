import type { MemoryProposal, StoredProposal } from '@skein/domain';
import { createScene, dagOf, publishProject, type Scene, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { MemoryConfig } from '../index.ts';
import { defaultCoordinatorConfig } from '../index.ts';

const remembers = dagOf(
  [
    stepOf('look', {
      action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: true, propose: true } },
    }),
  ],
  { name: 'remembers' },
);

const plain = dagOf([stepOf('a')], { name: 'plain' });

const { policies } = defaultCoordinatorConfig.memory;
const auto = { global: 'auto', dag: 'auto', agent: 'auto' } as const;

const openScene = async (memory: Partial<MemoryConfig> = {}): Promise<Scene> => {
  const scene = await createScene({
    dags: [],
    config: { memory: { ...defaultCoordinatorConfig.memory, ...memory }, minWindow: 2_000 },
  });
  await publishProject(scene.stores.projects, scene.hasher, 'default', [remembers, plain], scene.clock.now());
  return scene;
};

let count = 0;
/** A proposal of a run that exists, as the append of its result stores it. */
const proposal = (runId: string, changes: Partial<StoredProposal> = {}): StoredProposal => {
  count += 1;
  return {
    proposalId: `${runId}:look:1:${count}`,
    runId,
    step: 'look',
    attempt: 1,
    agentId: 'scout',
    versionId: 'sha256:aa',
    at: 1_000 + count,
    status: 'pending',
    scope: 'agent/scout',
    op: 'append',
    text: `note ${count}`,
    ...changes,
  };
};
const propose = (scene: Scene, ...proposals: StoredProposal[]) => scene.stores.memory.propose('default', proposals);
const text = async (scene: Scene, scope = 'agent/scout') => (await scene.coordinator.readMemory('default', scope)).text;
const statuses = async (scene: Scene) =>
  (await scene.coordinator.listProposals('default', { limit: 1_000 })).items.map(({ status }) => status);

/** A run that ended with these proposals. */
const runThatProposes = async (
  scene: Scene,
  proposals: readonly MemoryProposal[],
  submit: Parameters<Scene['submit']>[1] = {},
): Promise<string> => {
  const worker = await scene.join();
  const runId = await scene.submit('remembers', submit);
  const offer = worker.offers[0]!;
  const { step, attempt, token } = offer;
  worker.send({
    type: 'result',
    result: { runId, step, attempt, token, outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1, proposals },
  });
  await scene.settle();
  worker.break();
  return runId;
};
const note = (value: string, scope = 'agent/scout'): MemoryProposal => ({ scope, op: 'append', text: value });

describe('a fold', () => {
  test('waits until the oldest proposal is old enough, and then takes all that wait', async () => {
    const scene = await openScene();
    const runId = await scene.submit('plain');
    propose(scene, proposal(runId, { text: 'first', at: scene.clock.now() }));
    await scene.clock.advance(20_000);
    propose(scene, proposal(runId, { text: 'second', at: scene.clock.now() }));
    await scene.clock.advance(9_000);
    expect(await statuses(scene)).toEqual(['pending', 'pending']);
    await scene.clock.advance(3_000);
    expect(await statuses(scene)).toEqual(['folded', 'folded']);
    expect(await text(scene)).toBe('first\nsecond\n');
    await scene.close();
  });

  test('happens at once when many wait', async () => {
    const scene = await openScene({ foldAfter: 3 });
    const runId = await scene.submit('plain');
    const at = scene.clock.now();
    propose(scene, ...['a', 'b', 'c'].map((value) => proposal(runId, { text: value, at })));
    await scene.clock.advance(1_500);
    expect(await scene.coordinator.readMemory('default', 'agent/scout')).toMatchObject({
      revision: 1,
      text: 'a\nb\nc\n',
      change: { kind: 'fold' },
    });
    await scene.close();
  });

  test('leaves global and DAG memory to a person, and says so for each proposal', async () => {
    const scene = await openScene();
    const runId = await scene.submit('plain');
    propose(scene, proposal(runId, { scope: 'global' }), proposal(runId, { scope: 'dag/remembers' }));
    const folds = await scene.coordinator.foldNow('default');
    expect(folds).toMatchObject([{ review: 1 }, { review: 1 }]);
    expect(await statuses(scene)).toEqual(['review', 'review']);
    expect(await text(scene, 'global')).toBe('The sky is blue.');
    const said = scene.lines.filter(({ message }) => message === 'memory proposal waits for review');
    expect(said).toHaveLength(2);
    expect(JSON.stringify(said)).not.toContain('note ');
    await scene.close();
  });

  test('lets a person decide when the input of the run is not trusted, whatever the scope', async () => {
    const scene = await openScene({ policies: auto });
    await runThatProposes(scene, [note('obey me'), note('obey me', 'global')], { untrustedInput: true });
    await runThatProposes(scene, [note('fine')]);
    await scene.coordinator.foldNow('default');
    const { items } = await scene.coordinator.listProposals('default', { status: 'review', limit: 10 });
    expect(items.map((one) => [one.text, one.reason])).toEqual([
      ['obey me', 'the input of its run is not trusted'],
      ['obey me', 'the input of its run is not trusted'],
    ]);
    expect(await text(scene)).toBe('fine\n');
    await scene.close();
  });

  test('trusts neither a run that is not there, nor another agent', async () => {
    const scene = await openScene();
    const runId = await scene.submit('plain');
    propose(scene, proposal('run_none'), proposal(runId, { agentId: 'stranger' }));
    expect(await scene.coordinator.foldNow('default')).toMatchObject([{ folded: 0, review: 2 }]);
    await scene.close();
  });

  test('drops with a reason where memory takes no proposals', async () => {
    const scene = await openScene({ policies: { ...policies, agent: 'off' } });
    propose(scene, proposal(await scene.submit('plain')));
    expect(await scene.coordinator.foldNow('default', 'agent/scout')).toMatchObject([{ dropped: 1, revision: 0 }]);
    expect(scene.lines.map(({ message }) => message)).toContain('memory proposal was dropped');
    await scene.close();
  });

  test('of two coordinators takes each proposal once', async () => {
    const scene = await openScene();
    const runId = await scene.submit('plain');
    propose(scene, ...Array.from({ length: 50 }, () => proposal(runId)));
    const both = Promise.all([scene.coordinator.foldNow('default'), scene.coordinator.foldNow('default')]);
    await scene.clock.advance(1_000);
    const folded = (await both).flat().reduce((sum, one) => sum + one.folded, 0);
    expect(folded).toBe(50);
    const lines = (await text(scene)).trim().split('\n');
    expect(new Set(lines).size).toBe(50);
    expect(lines).toHaveLength(50);
    await scene.close();
  });

  test('of a run that is killed between its proposal and the fold happens after the restart', async () => {
    const scene = await openScene();
    await runThatProposes(scene, [note('remember me')]);
    await scene.restart();
    await scene.clock.advance(31_500);
    expect(await text(scene)).toBe('remember me\n');
    await scene.restart();
    await scene.clock.advance(31_500);
    expect(await scene.coordinator.readMemory('default', 'agent/scout')).toMatchObject({ revision: 1 });
    await scene.close();
  });
});

test('a run after the fold sees the new revision and records it', async () => {
  const scene = await openScene();
  const first = await runThatProposes(scene, [note('the door is red')]);
  await scene.coordinator.foldNow('default');
  const second = await scene.submit('remembers');
  const views = await Promise.all([first, second].map((runId) => scene.coordinator.getRun('default', runId)));
  expect(views.map(({ memory }) => memory?.['agent/scout'])).toEqual([undefined, 1]);
  expect(views[0]?.snapshotDigest).not.toBe(views[1]?.snapshotDigest);
  const sealed = await scene.coordinator.inspectSnapshot('default', views[1]?.snapshotDigest ?? '');
  expect(sealed.manifest.parts.filter(({ kind }) => kind === 'memory').map(({ name }) => name)).toContain(
    'agent/scout',
  );
  await scene.close();
});

test('hundreds of runs that propose at once are folded into one revision, each once', async () => {
  const scene = await openScene({ foldAfter: 400 });
  const runs = 400;
  const worker = await scene.join({ slots: runs });
  const runIds = await Promise.all(Array.from({ length: runs }, () => scene.submit('remembers')));
  expect(worker.offers).toHaveLength(runs);
  for (const { runId, step, attempt, token } of worker.offers) {
    const proposals = [note(`seen by ${runId}`)];
    worker.send({
      type: 'result',
      result: { runId, step, attempt, token, outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1, proposals },
    });
  }
  await scene.settle();
  worker.break();
  await scene.clock.advance(1_500);
  const document = await scene.coordinator.readMemory('default', 'agent/scout');
  expect(document.revision).toBe(1);
  expect(document.text.trim().split('\n').toSorted()).toEqual(runIds.map((runId) => `seen by ${runId}`).toSorted());
  await scene.close();
}, 60_000);

describe('a person', () => {
  test('approves a proposal once, and repeating it changes nothing', async () => {
    const scene = await openScene();
    const one = proposal(await scene.submit('plain'), { scope: 'global', text: 'Grass is green.' });
    propose(scene, one);
    await scene.coordinator.foldNow('default');
    const review = () => scene.coordinator.reviewProposal('default', one.proposalId, 'approve', 'ann');
    expect(await review()).toMatchObject({ status: 'folded', revision: 2 });
    expect(await review()).toMatchObject({ status: 'folded', revision: 2 });
    expect(await text(scene, 'global')).toBe('The sky is blue.\nGrass is green.\n');
    await expect(scene.coordinator.reviewProposal('default', one.proposalId, 'reject', 'ann')).rejects.toMatchObject({
      code: 'illegal_transition',
    });
    await scene.close();
  });

  test('rejects a proposal, and it never becomes memory', async () => {
    const scene = await openScene();
    const one = proposal(await scene.submit('plain'));
    propose(scene, one);
    expect(await scene.coordinator.reviewProposal('default', one.proposalId, 'reject', 'ann')).toMatchObject({
      status: 'rejected',
      reason: 'rejected by ann',
    });
    expect(await scene.coordinator.foldNow('default')).toEqual([]);
    await scene.close();
  });

  test('is told why a proposal cannot be folded, and it goes on waiting', async () => {
    const scene = await openScene();
    const one = proposal(await scene.submit('plain'), { op: 'replace', basis: 'gone', text: 'x' });
    propose(scene, one);
    await scene.coordinator.foldNow('default');
    await expect(scene.coordinator.reviewProposal('default', one.proposalId, 'approve', 'ann')).rejects.toMatchObject({
      code: 'illegal_transition',
      message: expect.stringContaining('is not in the memory any more') as string,
    });
    expect(await statuses(scene)).toEqual(['review']);
    await expect(scene.coordinator.reviewProposal('default', 'none', 'approve', 'ann')).rejects.toMatchObject({
      code: 'not_found',
    });
    await scene.close();
  });

  test('sets a memory at the revision that they read, or not at all', async () => {
    const scene = await openScene();
    const set = (value: string, expectedRevision?: number) =>
      scene.coordinator.setMemory('default', 'dag/remembers', value, {
        by: 'ann',
        ...(expectedRevision === undefined ? {} : { expectedRevision }),
      });
    expect(await set('one\u0000\n', 0)).toMatchObject({
      revision: 1,
      text: 'one\n',
      change: { kind: 'set', by: 'ann' },
    });
    await expect(set('two', 0)).rejects.toMatchObject({ code: 'version_conflict', details: { revision: 1 } });
    expect(await set('one\n')).toMatchObject({ revision: 1 });
    expect(await set('two')).toMatchObject({ revision: 2 });
    const history = await scene.coordinator.memoryHistory('default', 'dag/remembers', 10);
    expect(history.items.map(({ revision, bytes }) => [revision, bytes])).toEqual([
      [2, 3],
      [1, 4],
    ]);
    expect((await scene.coordinator.readMemory('default', 'dag/remembers', 1)).text).toBe('one\n');
    await expect(set('x'.repeat(65_537))).rejects.toMatchObject({ code: 'too_large' });
    await expect(scene.coordinator.setMemory('default', 'nonsense', 'x', { by: 'ann' })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await scene.close();
  });
});

describe('a revert', () => {
  test('takes all that a run wrote out of every scope, keeps the rest, and does nothing the second time', async () => {
    const scene = await openScene({ policies: auto });
    const [good, bad] = [await scene.submit('plain'), await scene.submit('plain')];
    propose(scene, proposal(good, { text: 'good 1' }), proposal(bad, { text: 'bad 1' }));
    propose(scene, proposal(bad, { scope: 'global', op: 'replace', basis: 'blue', text: 'green' }));
    await scene.coordinator.foldNow('default');
    propose(scene, proposal(good, { text: 'good 2' }), proposal(bad, { op: 'remove', basis: 'good 1', text: '' }));
    await scene.coordinator.foldNow('default');
    propose(scene, proposal(bad, { text: 'bad, waiting' }));
    expect(await text(scene)).toBe('bad 1\ngood 2\n');
    expect(await text(scene, 'global')).toBe('The sky is green.');

    const reverted = await scene.coordinator.revertRun('default', bad, 'ann');
    expect(reverted.scopes).toMatchObject([
      { scope: 'agent/scout', revision: 3, reverted: 2, rejected: 1, review: 0, setSince: false },
      { scope: 'global', revision: 3, reverted: 1, rejected: 0 },
    ]);
    expect(await text(scene)).toBe('good 1\ngood 2\n');
    expect(await text(scene, 'global')).toBe('The sky is blue.');
    expect((await scene.coordinator.readMemory('default', 'global')).change).toEqual({
      kind: 'revert',
      runId: bad,
      by: 'ann',
    });
    expect(await scene.coordinator.revertRun('default', bad, 'ann')).toEqual({ runId: bad, scopes: [] });
    await expect(scene.coordinator.revertRun('default', 'run_none', 'ann')).rejects.toMatchObject({
      code: 'not_found',
    });
    await scene.close();
  });

  test('after another revert forgets both runs', async () => {
    const scene = await openScene();
    const runs = [await scene.submit('plain'), await scene.submit('plain'), await scene.submit('plain')];
    for (const runId of runs) {
      propose(scene, proposal(runId, { text: `of ${runId}` }));
      await scene.coordinator.foldNow('default');
    }
    await scene.coordinator.revertRun('default', runs[1]!, 'ann');
    expect(await text(scene)).toBe(`of ${runs[0]}\nof ${runs[2]}\n`);
    await scene.coordinator.revertRun('default', runs[0]!, 'ann');
    expect(await text(scene)).toBe(`of ${runs[2]}\n`);
    await scene.close();
  });

  test('gives back to a person what another run built upon the words', async () => {
    const scene = await openScene();
    const [bad, other] = [await scene.submit('plain'), await scene.submit('plain')];
    propose(scene, proposal(bad, { text: 'the door is red' }));
    propose(scene, proposal(other, { op: 'replace', basis: 'red', text: 'blue' }));
    await scene.coordinator.foldNow('default');
    expect(await text(scene)).toBe('the door is blue\n');
    expect((await scene.coordinator.revertRun('default', bad, 'ann')).scopes).toMatchObject([
      { reverted: 1, review: 1 },
    ]);
    expect(await text(scene)).toBe('');
    const { items } = await scene.coordinator.listProposals('default', { status: 'review', limit: 10 });
    expect(items.map(({ runId, reason }) => [runId, reason?.includes(bad)])).toEqual([[other, true]]);
    await scene.close();
  });

  test('lets a text stand that a person set since', async () => {
    const scene = await openScene();
    const bad = await scene.submit('plain');
    propose(scene, proposal(bad, { text: 'bad' }));
    await scene.coordinator.foldNow('default');
    await scene.coordinator.setMemory('default', 'agent/scout', 'mine\n', { by: 'ann' });
    expect((await scene.coordinator.revertRun('default', bad, 'ann')).scopes).toMatchObject([
      { reverted: 1, setSince: true, revision: 2 },
    ]);
    expect(await text(scene)).toBe('mine\n');
    await scene.close();
  });

  test('that was killed between two scopes goes on where it was', async () => {
    const scene = await openScene({ policies: auto });
    const bad = await scene.submit('plain');
    propose(scene, proposal(bad), proposal(bad, { scope: 'global' }));
    await scene.coordinator.foldNow('default');
    const commit = scene.stores.memory.commit.bind(scene.stores.memory);
    let commits = 0;
    scene.stores.memory.commit = async (change) => {
      commits += 1;
      if (commits === 2) throw new Error('killed');
      return commit(change);
    };
    await expect(scene.coordinator.revertRun('default', bad, 'ann')).rejects.toThrow('killed');
    scene.stores.memory.commit = commit;
    await scene.restart();
    expect((await scene.coordinator.revertRun('default', bad, 'ann')).scopes.map(({ scope }) => scope)).toEqual([
      'global',
    ]);
    expect([await text(scene), await text(scene, 'global')]).toEqual(['', 'The sky is blue.']);
    await scene.close();
  });
});
