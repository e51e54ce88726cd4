import { defaultTenant } from '@skein/domain';
import { createScene, dagOf, publishProject, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const single = dagOf([stepOf('a')], {
  name: 'single',
  params: [
    { name: 'count', type: 'integer', required: true },
    { name: 'who', type: 'string', required: false, default: 'world' },
  ],
});
const plain = dagOf([stepOf('a')], { name: 'plain' });
const scout = (version?: string) =>
  dagOf(
    [
      stepOf('look', {
        action: {
          kind: 'agent',
          agent: 'scout',
          prompt: 'Look.',
          limits: {},
          memory: { read: true, propose: false },
          ...(version === undefined ? {} : { version }),
        },
      }),
      stepOf('again', {
        depends: ['look'],
        action: { kind: 'agent', agent: 'scout', prompt: 'Again.', limits: {}, memory: { read: true, propose: false } },
      }),
    ],
    { name: version === undefined ? 'scout' : `scout-${version}` },
  );

describe('submit', () => {
  test('an unknown DAG is not found, and wrong params name every field', async () => {
    const scene = await createScene({ dags: [single] });
    await expect(scene.coordinator.submitRun('default', { dag: 'none' })).rejects.toMatchObject({ code: 'not_found' });
    const wrong = scene.coordinator.submitRun('default', { dag: 'single', params: { count: 'x', colour: 'red' } });
    await expect(wrong).rejects.toMatchObject({
      code: 'invalid_argument',
      details: {
        problems: [
          { field: expect.stringContaining('c') as string },
          { field: expect.stringContaining('c') as string },
        ],
      },
    });
    expect(scene.appends).toEqual([]);
    await scene.close();
  });

  test('params get their types and defaults', async () => {
    const scene = await createScene({ dags: [single] });
    const { run } = await scene.coordinator.submitRun('default', { dag: 'single', params: { count: '3' } });
    expect(run.params).toEqual({ count: 3, who: 'world' });
    await scene.close();
  });

  test('the same key and body answer the same run; another body is refused', async () => {
    const scene = await createScene({ dags: [single] });
    const submit = (count: number) =>
      scene.coordinator.submitRun('default', { dag: 'single', params: { count }, idempotencyKey: 'k' });
    const [first, second] = await Promise.all([submit(1), submit(1)]);
    expect([first, second].filter(({ created }) => created)).toHaveLength(1);
    expect(first.run.runId).toBe(second.run.runId);
    await expect(submit(2)).rejects.toMatchObject({ code: 'already_exists' });
    await scene.close();
  });

  test('a repeated submit and a refused one say nothing against the store', async () => {
    const scene = await createScene({ dags: [single] });
    const submit = (count: number) =>
      scene.coordinator.submitRun('default', { dag: 'single', params: { count }, idempotencyKey: 'k' });
    await submit(1);
    expect(scene.coordinator.readiness().checks['store']?.ok).toBe(true);
    await submit(1);
    expect(scene.coordinator.readiness().checks['store']?.ok).toBe(true);
    await expect(submit(2)).rejects.toMatchObject({ code: 'already_exists' });
    expect(scene.coordinator.readiness().checks['store']?.ok).toBe(true);
    await scene.close();
  });

  test('a fire of a schedule makes one run, however often it is submitted', async () => {
    const scene = await createScene({ dags: [plain] });
    const fire = { scheduleId: 'nightly', nominalAt: 1_000 };
    const answers = await Promise.all(
      [1, 2, 3].map(() => scene.coordinator.submitRun('default', { dag: 'plain', fire })),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ run }) => run.runId)).size).toBe(1);
    await scene.close();
  });

  test('params over the limit are too large', async () => {
    const scene = await createScene({ dags: [single], config: { maxParamsBytes: 100 } });
    const large = scene.coordinator.submitRun('default', { dag: 'single', params: { count: 1, who: 'x'.repeat(200) } });
    await expect(large).rejects.toMatchObject({ code: 'too_large' });
    await scene.close();
  });
});

describe('admission', () => {
  test('runs over the window stay queued in the store and are admitted as others end, none overtaken by a newcomer', async () => {
    const scene = await createScene({ dags: [plain], config: { minWindow: 2 } });
    const runs: string[] = [];
    for (let count = 0; count < 5; count += 1) runs.push(await scene.submit('plain'));
    const statuses = async () => Promise.all(runs.map((runId) => scene.status(runId)));
    expect(await statuses()).toEqual(['running', 'running', 'queued', 'queued', 'queued']);
    const worker = await scene.join();
    const order: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      const offer = worker.offers[count]!;
      order.push(offer.runId);
      worker.finish(offer);
      worker.credits(1);
      await scene.settle();
    }
    expect(order).toEqual(runs);
    expect(new Set(await statuses())).toEqual(new Set(['succeeded']));
    await scene.close();
  });

  test('queued runs are let in by the rule of the dispatcher: priority first, which rises with waiting, then DAGs in turn', async () => {
    const named = ['flood', 'calm', 'late'].map((name) => dagOf([stepOf('a')], { name }));
    const scene = await createScene({ dags: named, config: { minWindow: 1 } });
    const names = new Map<string, string>();
    const add = async (dag: string, priority = 0): Promise<void> => {
      const runId = await scene.submit(dag, { priority });
      names.set(runId, `${dag} ${priority}`);
    };
    await add('flood');
    for (let count = 0; count < 4; count += 1) await add('flood');
    await add('calm');
    await add('late', -1);
    await scene.clock.advance(15_000);
    await add('calm', 3);
    const worker = await scene.join({ slots: 1 });
    const order: (string | undefined)[] = [];
    for (let count = 0; count < 8; count += 1) {
      const offer = worker.offers[count]!;
      order.push(names.get(offer.runId));
      worker.finish(offer);
      worker.credits(1);
      await scene.settle();
    }
    // Two runs fit into the window, so that one may come before another of the same look.
    expect(order.slice(0, 3)).toContain('calm 3');
    expect(order.slice(2, 6)).toContain('calm 0');
    expect(order.slice(2, 6)).toContain('late -1');
    expect(order.slice(5)).toContain('flood 0');
    await scene.close();
  });

  test('queued runs survive the loss of the whole queue', async () => {
    const scene = await createScene({ dags: [plain], config: { minWindow: 1 } });
    const first = await scene.submit('plain');
    const second = await scene.submit('plain');
    for (const hint of await scene.stores.queue.claim(100, 1)) await scene.stores.queue.done([hint.claim]);
    await scene.coordinator.cancelRun('default', first, 'someone');
    await scene.clock.advance(2_000);
    expect(await scene.status(second)).toBe('running');
    await scene.close();
  });

  test('a missing agent ends the run as failed with every problem named, and nothing is dispatched', async () => {
    const scene = await createScene({ dags: [scout(), scout('v9')] });
    const worker = await scene.join();
    const view = await scene.coordinator.getRun('default', await scene.submit('scout'));
    expect(view).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('"scout"') as string } });
    const pinned = await scene.coordinator.getRun('default', await scene.submit('scout-v9'));
    expect(pinned).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('v9') as string } });
    expect(worker.offers).toEqual([]);
    await scene.close();
  });

  test('the snapshot is sealed before the append that pins it, its bytes travel once per worker, and the versions are recorded', async () => {
    const scene = await createScene({ dags: [] });
    await publishProject(scene.stores.projects, scene.hasher, 'default', [scout()], 0);
    const worker = await scene.join();
    const runId = await scene.submit('scout');
    const pinned = scene.appends[0]?.pinsSnapshot;
    expect(pinned).toMatch(/^sha256:/);
    const first = worker.offers[0]!;
    expect(first.snapshot?.digest).toBe(pinned);
    expect(first.snapshot?.envelope?.byteLength).toBeGreaterThan(0);
    worker.finish(first);
    worker.credits(1);
    await scene.settle();
    expect(worker.offers[1]?.snapshot).toEqual({ digest: pinned });
    expect(await scene.coordinator.getRun('default', runId)).toMatchObject({
      snapshotDigest: pinned,
      agents: { scout: { source: 'active' } },
    });
    expect(scene.coordinator.listWorkers(defaultTenant)[0]).toMatchObject({
      tasks: 2,
      snapshotsReceived: 1,
      snapshotBytesReceived: first.snapshot?.envelope?.byteLength,
    });
    const exported = await scene.coordinator.exportSnapshot('default', pinned!);
    expect((await scene.coordinator.inspectSnapshot('default', pinned!)).bytes).toBe(exported.byteLength);
    await scene.close();
  });

  test('an envelope over the attachment limit is fetched by digest, by the holder of the task only', async () => {
    const scene = await createScene({ dags: [], config: { maxAttachedBytes: 10 } });
    await publishProject(scene.stores.projects, scene.hasher, 'default', [scout()], 0);
    const worker = await scene.join();
    await scene.submit('scout');
    const offer = worker.offers[0]!;
    const digest = offer.snapshot!.digest;
    expect(offer.snapshot?.envelope).toBeUndefined();
    const { gateway } = scene.coordinator;
    const { sessionId } = worker.of('welcome')[0]!;
    const task = { runId: offer.runId, step: offer.step, attempt: offer.attempt, token: offer.token };
    const bytes = await gateway.fetchSnapshot({ token: scene.joinToken }, sessionId, { task, digest, held: [] });
    expect(bytes.byteLength).toBeGreaterThan(0);
    const stale = gateway.fetchSnapshot({ token: scene.joinToken }, sessionId, {
      task: { ...task, token: 1 },
      digest,
      held: [],
    });
    await expect(stale).rejects.toMatchObject({ code: 'stale_fencing_token' });
    await scene.close();
  });
});

describe('retry', () => {
  test('a retry is a new run that keeps what succeeded and runs the rest', async () => {
    const chain = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });
    const scene = await createScene({ dags: [chain] });
    const worker = await scene.join();
    const runId = await scene.submit('chain');
    worker.finish(worker.offers[0]!, { status: 'succeeded' }, { x: { inline: 1 } });
    worker.credits(1);
    await scene.settle();
    await expect(scene.coordinator.retryRun('default', runId, { by: 'me' })).rejects.toMatchObject({
      code: 'illegal_transition',
    });
    worker.finish(worker.offers[1]!, { status: 'failed', error: { code: 'internal', message: 'no' } });
    await scene.settle();
    const retried = await scene.coordinator.retryRun('default', runId, { by: 'me' });
    worker.credits(1);
    await scene.settle();
    expect(retried).toMatchObject({
      retryOf: runId,
      steps: [{ id: 'a', status: 'succeeded', outputs: { x: 1 } }, { id: 'b' }],
    });
    expect(worker.offers.map(({ step }) => step)).toEqual(['a', 'b', 'b']);
    await scene.close();
  });

  test('a retry keeps the items of a fan-out that succeeded', async () => {
    const fan = dagOf([stepOf('f', { foreach: { items: ['x', 'y'], maxConcurrent: 2 } })], { name: 'fan' });
    const scene = await createScene({ dags: [fan] });
    const worker = await scene.join({ slots: 2 });
    const runId = await scene.submit('fan');
    worker.finish(worker.offers[0]!);
    worker.finish(worker.offers[1]!, { status: 'failed', error: { code: 'internal', message: 'no' } });
    await scene.settle();
    expect(await scene.status(runId)).toBe('failed');
    const retried = await scene.coordinator.retryRun('default', runId, { by: 'me' });
    worker.credits(2);
    await scene.settle();
    expect(worker.offers.slice(2).map(({ step }) => step)).toEqual(['f[1]']);
    worker.finish(worker.offers[2]!);
    await scene.settle();
    expect(await scene.status(retried.runId)).toBe('succeeded');
    await scene.close();
  });
});
