import { createScene, dagOf, publishProject, type Scene, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { digestPrefix } from './digest-prefix.ts';

const agentDag = dagOf(
  [
    stepOf('look', {
      action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: true, propose: true } },
    }),
  ],
  { name: 'looks' },
);
const span = 600_000;

const openScene = async (): Promise<Scene> => {
  const scene = await createScene({
    dags: [],
    config: { snapshotRetentionMs: 2 * span, snapshotSweepMs: 60_000, sweepMs: 60_000 },
  });
  await publishProject(scene.stores.projects, scene.hasher, 'default', [agentDag], scene.clock.now());
  return scene;
};

/** A finished run with a snapshot. */
const finishedRun = async (scene: Scene): Promise<string> => {
  const worker = await scene.join();
  const runId = await scene.submit('looks');
  worker.finish(worker.offers[0]!);
  await scene.settle();
  worker.break();
  return (await scene.coordinator.getRun('default', runId)).snapshotDigest ?? '';
};

describe('a sealed snapshot', () => {
  test('says its sizes and which step asked for each part, also by the beginning of its digest', async () => {
    const scene = await openScene();
    const digest = await finishedRun(scene);
    const whole = await scene.coordinator.inspectSnapshot('default', digest);
    expect(whole.uncompressedBytes).toBe(whole.manifest.parts.reduce((sum, { size }) => sum + size, 0));
    expect(whole.bytes).toBe((await scene.coordinator.exportSnapshot('default', digest)).byteLength);
    expect(new Set(whole.manifest.parts.flatMap(({ askedBy }) => askedBy))).toEqual(new Set(['looks/look']));
    const prefix = digest.slice('sha256:'.length, 'sha256:'.length + 6);
    expect(await scene.coordinator.inspectSnapshot('default', prefix)).toEqual(whole);
    await scene.close();
  });

  test('is not found by a beginning that is too short or nobody’s, and an ambiguous one names the candidates', async () => {
    const scene = await openScene();
    const digest = await finishedRun(scene);
    for (const name of [digest.slice(0, 12), 'sha256:000000', 'nonsense', '']) {
      await expect(scene.coordinator.inspectSnapshot('default', name)).rejects.toMatchObject({ code: 'not_found' });
    }
    const candidates = ['sha256:abcdef00', 'sha256:abcdef11'];
    scene.stores.snapshots.listDigests = async () => candidates;
    await expect(scene.coordinator.inspectSnapshot('default', 'abcdef')).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { reason: 'ambiguous', candidates },
    });
    await scene.close();
  });

  test('is compared with another, part by part', async () => {
    const scene = await openScene();
    const before = await finishedRun(scene);
    await scene.coordinator.setMemory('default', 'agent/scout', 'The door is red.', { by: 'ann' });
    await scene.coordinator.setMemory('default', 'global', 'The sky is grey.', { by: 'ann' });
    const after = await finishedRun(scene);
    const diff = await scene.coordinator.diffSnapshots('default', before, after);
    expect(diff.added.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['memory agent/scout']);
    expect(diff.changed.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['memory global']);
    expect([diff.removed, diff.same]).toEqual([[], 3]);
    expect(await scene.coordinator.diffSnapshots('default', before, before)).toMatchObject({
      added: [],
      changed: [],
      same: 4,
    });
    await scene.close();
  });

  test('is removed when no run uses it and its time is over, and is said once with counts', async () => {
    const scene = await openScene();
    const digest = await finishedRun(scene);
    await scene.clock.advance(span);
    await scene.coordinator.inspectSnapshot('default', digest);
    await scene.clock.advance(span + 120_000);
    await expect(scene.coordinator.inspectSnapshot('default', digest)).rejects.toMatchObject({ code: 'not_found' });
    const said = scene.lines.filter(({ message }) => message === 'unused snapshots were removed');
    expect(said).toMatchObject([{ fields: { snapshots: 1 } }]);
    // The next run seals it anew, though the coordinator had remembered its admission.
    expect(await finishedRun(scene)).toBe(digest);
    await scene.close();
  });

  test('is removed with hundreds of others in one sweep', async () => {
    const scene = await openScene();
    const digest = await finishedRun(scene);
    const { snapshots } = scene.stores;
    const manifest = await snapshots.find('default', digest);
    const parts = new Map<string, Uint8Array>();
    for (const part of manifest?.parts ?? []) {
      parts.set(part.digest, (await snapshots.readPart('default', part.digest)) as Uint8Array);
    }
    for (let index = 0; index < 350; index += 1) {
      await snapshots.save('default', `sha256:${index}`, manifest!, parts, scene.clock.now());
    }
    await scene.clock.advance(3 * span);
    expect(await snapshots.listDigests('default', 'sha256:', 1_000)).toEqual([]);
    const said = scene.lines.filter(({ message }) => message === 'unused snapshots were removed');
    expect(said).toMatchObject([{ fields: { snapshots: 351 } }]);
    await scene.close();
  });

  test('that an open run uses stays, however old it is', async () => {
    const scene = await openScene();
    const runId = await scene.submit('looks');
    const digest = (await scene.coordinator.getRun('default', runId)).snapshotDigest ?? '';
    await scene.clock.advance(5 * span);
    expect((await scene.coordinator.inspectSnapshot('default', digest)).digest).toBe(digest);
    await scene.close();
  });
});

test.each([
  ['abcdef', 'sha256:abcdef'],
  ['sha256:abcdef', 'sha256:abcdef'],
  ['abcde', undefined],
  ['ABCDEF', undefined],
  ['xyzxyz', undefined],
  [`${'a'.repeat(65)}`, undefined],
])('%s is the beginning %s', (text, prefix) => {
  expect(digestPrefix(text)).toBe(prefix);
});
