import type { Dag, Problem } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { callOf, createScene, dagOf, publishProject, type Scene, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const agentStep = (id: string, agent: string, version?: string) =>
  stepOf(id, {
    action: {
      kind: 'agent',
      agent,
      prompt: 'Look.',
      limits: {},
      memory: { read: true, propose: false },
      ...(version === undefined ? {} : { version }),
    },
  });
const root = (...names: string[]): Dag =>
  dagOf(
    names.map((name) => callOf(`go-${name}`, name)),
    { name: 'root' },
  );
const inner = (id = 'look') => dagOf([agentStep(id, 'scout')], { name: 'inner' });
const publish = (scene: Scene, ...dags: Dag[]) =>
  publishProject(scene.stores.projects, scene.hasher, defaultTenant, dags, scene.clock.now());
const open = async (...dags: Dag[]): Promise<Scene> => {
  const scene = await createScene({ dags: [] });
  await publish(scene, ...dags);
  return scene;
};
const problemsOf = async (scene: Scene, runId: string): Promise<readonly string[]> => {
  const { error } = await scene.view(runId);
  return ((error?.details?.['problems'] ?? []) as unknown as Problem[]).map(({ message }) => message);
};

describe('admission of a tree', () => {
  test('decides the agents of called DAGs at the root, seals one snapshot, and records what the tree may call and see', async () => {
    const scene = await open(root('inner'), inner());
    const worker = await scene.join();
    const runId = await scene.submit('root');
    const view = await scene.view(runId);
    expect(view).toMatchObject({
      agents: { scout: { source: 'active' } },
      snapshotDigest: expect.stringMatching(/^sha256:/) as string,
      memory: { global: 1 },
      dags: { root: view.dagDigest, inner: expect.stringMatching(/^sha256:/) as string },
    });
    const [child] = await scene.children(runId);
    const admittedAs = async (run: string) => (await scene.facts(run)).find((fact) => fact.type === 'run_admitted');
    expect(await admittedAs(child!.runId)).toEqual(await admittedAs(runId));
    expect(scene.appends.find((append) => append.runId === child!.runId)?.pinsSnapshot).toBe(view.snapshotDigest);
    expect(worker.offers[0]).toMatchObject({
      dagName: 'inner',
      step: 'look',
      snapshot: { digest: view.snapshotDigest },
    });
    await scene.close();
  });

  test('names every problem of the tree with the path that leads to it, and dispatches nothing', async () => {
    const scene = await open(
      root('missing', 'inner'),
      dagOf([stepOf('first'), agentStep('look', 'nobody'), agentStep('pin', 'scout', 'v9'), callOf('down', 'gone')], {
        name: 'inner',
      }),
    );
    const worker = await scene.join();
    const runId = await scene.submit('root');
    const inside = 'DAG "inner" (called by step "go-inner" of DAG "root")';
    const problems = await problemsOf(scene, runId);
    expect(problems).toEqual([
      'step "go-missing" of DAG "root" calls the DAG "missing", which does not exist',
      `step "down" of ${inside} calls the DAG "gone", which does not exist`,
      `step "pin" of ${inside} asks for the agent "scout" in version v9, which does not exist`,
      expect.stringContaining(`step "look" of ${inside} asks for the agent "nobody"`),
    ]);
    expect(await scene.types(runId)).toEqual(['run_submitted', 'run_finished']);
    expect(worker.offers).toEqual([]);
    await scene.close();
  });

  test('of a thousand problems tells the first, in an error that fits into a fact', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `missing-${index}-${'x'.repeat(40)}`);
    const scene = await open(root(...names));
    const runId = await scene.submit('root');
    const { error } = await scene.view(runId);
    expect(await problemsOf(scene, runId)).toHaveLength(64);
    expect(error?.details).toMatchObject({ total: 1_000 });
    expect(JSON.stringify(error).length).toBeLessThan(32 * 1024);
    await scene.close();
  });

  test('follows a called DAG that changes, though the caller stays the same', async () => {
    const scene = await open(root('inner'), inner('old'));
    const first = await scene.view(await scene.submit('root'));
    await publish(scene, root('inner'), inner('new'));
    const second = await scene.view(await scene.submit('root'));
    expect(second.dagDigest).toBe(first.dagDigest);
    expect(second.dags?.['inner']).not.toBe(first.dags?.['inner']);
    await scene.close();
  });
});

describe('a project that changes while a run is admitted', () => {
  test('makes the admission be prepared again: no run is let in by what was before', async () => {
    const scene = await open(root('inner'), inner('old'));
    let changes = 1;
    scene.onAppend = async (request, append) => {
      if (request.creation !== undefined && changes > 0) {
        changes -= 1;
        await publish(scene, root('inner'), inner('new'));
      }
      return append(request);
    };
    const runId = await scene.submit('root');
    const expected = scene.appends.flatMap(({ expectsRevision }) =>
      expectsRevision === undefined ? [] : [expectsRevision],
    );
    expect(expected).toHaveLength(2);
    expect(expected[1]).toBeGreaterThan(expected[0]!);
    const [child] = await scene.children(runId);
    expect((await scene.view(child!.runId)).steps.map(({ id }) => id)).toEqual(['new']);
    expect(scene.coordinator.readiness().checks['store']?.ok).toBe(true);
    await scene.close();
  });

  test('again and again leaves the run in the queue, where it is let in later', async () => {
    const scene = await open(root('inner'), inner());
    let changes = 6;
    scene.onAppend = async (request, append) => {
      if (request.expectsRevision !== undefined && changes > 0) {
        changes -= 1;
        await publish(scene, root('inner'), inner(`look-${changes}`));
      }
      return append(request);
    };
    const runId = await scene.submit('root');
    await scene.clock.advance(10_000);
    expect(changes).toBe(0);
    expect(await scene.status(runId)).toBe('running');
    await scene.close();
  });

  test('has no say in a run without agents and calls', async () => {
    const scene = await open(dagOf([stepOf('a')], { name: 'plain' }));
    await scene.submit('plain');
    await scene.submit('plain');
    expect(scene.appends.every(({ expectsRevision }) => expectsRevision === undefined)).toBe(true);
    await scene.close();
  });
});

describe('a retry', () => {
  const chain = [dagOf([callOf('go', 'inner')], { name: 'root' }), inner()] as const;
  const failed = async (scene: Scene): Promise<string> => {
    const worker = await scene.join();
    const runId = await scene.submit('root');
    await scene.answer(worker, 0, { status: 'failed', error: { code: 'internal', message: 'no' } });
    expect(await scene.status(runId)).toBe('failed');
    return runId;
  };
  const admitted = async (scene: Scene, runId: string) =>
    (await scene.facts(runId)).find((fact) => fact.type === 'run_admitted');

  test('uses the digest, the targets and the memory of the run that it retries, whatever the project says now', async () => {
    const scene = await open(...chain);
    const runId = await failed(scene);
    await publish(scene, chain[0], inner('new'));
    const retried = await scene.coordinator.retryRun(defaultTenant, runId, { by: 'me' });
    const before = await admitted(scene, runId);
    const after = await admitted(scene, retried.runId);
    expect(after).toEqual({ ...before, at: after?.at, agents: after?.agents });
    expect(after).toMatchObject({
      calls: expect.anything() as object,
      memory: { global: 1 },
      agents: { scout: { source: 'retry' } },
    });
    expect(scene.appends.at(-1)?.expectsRevision).toBeUndefined();
    await scene.close();
  });

  test('of the latest decides all of it anew', async () => {
    const scene = await open(...chain);
    const runId = await failed(scene);
    await publish(scene, chain[0], inner('new'));
    const before = await scene.view(runId);
    const retried = await scene.coordinator.retryRun(defaultTenant, runId, { by: 'me', latest: true });
    await scene.settle();
    expect((await scene.view(retried.runId)).dags?.['inner']).not.toBe(before.dags?.['inner']);
    await scene.close();
  });

  test('seals the snapshot again from the same versions when retention removed it', async () => {
    const scene = await open(...chain);
    const runId = await failed(scene);
    const before = await scene.view(runId);
    const collected = await scene.stores.snapshots.collect(scene.clock.now() + 1, 100);
    expect(collected.snapshots).toHaveLength(1);
    const retried = await scene.view((await scene.coordinator.retryRun(defaultTenant, runId, { by: 'me' })).runId);
    expect(retried.snapshotDigest).toBe(before.snapshotDigest);
    expect(retried.agents['scout']?.versionId).toBe(before.agents['scout']?.versionId);
    expect(await scene.stores.snapshots.find(defaultTenant, retried.snapshotDigest!)).toBeDefined();
    await scene.close();
  });

  test('of a run that was never let in is decided like a new one', async () => {
    const scene = await open(dagOf([callOf('go', 'inner')], { name: 'root' }));
    const runId = await scene.submit('root');
    expect(await scene.status(runId)).toBe('failed');
    await publish(scene, ...chain);
    const retried = await scene.coordinator.retryRun(defaultTenant, runId, { by: 'me' });
    await scene.settle();
    expect(await scene.children(retried.runId)).toHaveLength(1);
    await scene.close();
  });
});

describe('a tree whose calls do not fit into one fact', () => {
  const names = Array.from({ length: 45 }, (_, at) => `dag-number-${at}`);
  const dags = names.map((name, at) =>
    dagOf(
      names.slice(at + 1).map((called) => callOf(`to-${called}`, called)),
      { name },
    ),
  );
  const error = { code: 'too_large', message: expect.stringContaining('calls') as string };

  test('fails with an error that says so', async () => {
    const scene = await createScene({ dags });
    expect(await scene.view(await scene.submit(names[0]!))).toMatchObject({ status: 'failed', error });
    await scene.close();
  });

  test('fails so too when it had to wait', async () => {
    const scene = await createScene({
      dags: [...dags, dagOf([stepOf('work')], { name: 'plain' })],
      config: { minWindow: 1 },
    });
    const first = await scene.submit('plain');
    const runId = await scene.submit(names[0]!);
    expect(await scene.status(runId)).toBe('queued');
    await scene.coordinator.cancelRun(defaultTenant, first, 'someone');
    await scene.clock.advance(3_000);
    expect(await scene.view(runId)).toMatchObject({ status: 'failed', error });
    await scene.close();
  });
});
