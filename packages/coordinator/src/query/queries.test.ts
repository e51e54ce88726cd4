import { createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const chain = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });

const collect = async <T>(events: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
};

describe('following a run', () => {
  test('gives past and live events in order without a gap, and ends with the run', async () => {
    const scene = await createScene({ dags: [chain] });
    const worker = await scene.join();
    const runId = await scene.submit('chain');
    const following = collect(scene.coordinator.watchRun('default', runId, 0, new AbortController().signal));
    await scene.settle();
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await scene.settle();
    worker.finish(worker.offers[1]!);
    await scene.settle();
    const events = await following;
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(events.at(-1)?.type).toBe('run_finished');
    const rest = await collect(scene.coordinator.watchRun('default', runId, 5, new AbortController().signal));
    expect(rest.map(({ seq }) => seq)).toEqual([6, 7]);
    expect(await collect(scene.coordinator.watchRun('default', runId, 7, new AbortController().signal))).toEqual([]);
    await scene.close();
  });

  test('ends when the reader gives up, and leaks no timer', async () => {
    const scene = await createScene({ dags: [chain] });
    const runId = await scene.submit('chain');
    const before = scene.clock.pending;
    const giveUp = new AbortController();
    const following = collect(scene.coordinator.watchRun('default', runId, 0, giveUp.signal));
    await scene.settle();
    giveUp.abort();
    expect((await following).map(({ type }) => type)).toEqual(['run_submitted', 'run_admitted']);
    expect(scene.clock.pending).toBe(before);
    await scene.close();
  });

  test('an unknown run is not found', async () => {
    const scene = await createScene({ dags: [chain] });
    await expect(
      collect(scene.coordinator.watchRun('default', 'run_none', 0, new AbortController().signal)),
    ).rejects.toMatchObject({ code: 'not_found' });
    await expect(scene.coordinator.getRun('default', 'run_none')).rejects.toMatchObject({ code: 'not_found' });
    await scene.close();
  });
});

test('another tenant sees nothing', async () => {
  const scene = await createScene({ dags: [chain] });
  const runId = await scene.submit('chain');
  await expect(scene.coordinator.getRun('other', runId)).rejects.toMatchObject({ code: 'not_found' });
  await expect(scene.coordinator.cancelRun('other', runId, 'x')).rejects.toMatchObject({ code: 'not_found' });
  expect((await scene.coordinator.listRuns({ tenant: 'other', limit: 10 })).items).toEqual([]);
  await scene.close();
});

test('items of a fan-out come in pages, in item order', async () => {
  const fan = dagOf([stepOf('f', { foreach: { items: [1, 2, 3], maxConcurrent: 1 } })], { name: 'fan' });
  const scene = await createScene({ dags: [fan] });
  const runId = await scene.submit('fan');
  const first = await scene.coordinator.listItems('default', runId, 'f', 2);
  expect(first.items.map(({ id }) => id)).toEqual(['f[0]', 'f[1]']);
  const second = await scene.coordinator.listItems('default', runId, 'f', 2, first.nextCursor);
  expect(second).toMatchObject({ items: [{ id: 'f[2]' }] });
  expect(second.nextCursor).toBeUndefined();
  await expect(scene.coordinator.listItems('default', runId, 'none', 2)).rejects.toMatchObject({ code: 'not_found' });
  await scene.close();
});

test('a reader never sees a state that is not durable', async () => {
  const scene = await createScene({ dags: [chain] });
  const worker = await scene.join();
  const runId = await scene.submit('chain');
  let release: () => void = () => undefined;
  scene.onAppend = (request, append) =>
    new Promise((resolve, reject) => {
      release = () => void append(request).then(resolve, reject);
    });
  worker.finish(worker.offers[0]!);
  await scene.settle();
  let shown: string | undefined;
  const reading = scene.coordinator.getRun('default', runId).then((view) => {
    shown = view.steps[0]?.status;
  });
  await scene.settle();
  expect(shown).toBeUndefined();
  scene.onAppend = (request, append) => append(request);
  release();
  await reading;
  expect(shown).toBe('succeeded');
  await scene.close();
});

describe('tokens', () => {
  test('are shown once, work for their kind only, expire and can be revoked', async () => {
    const scene = await createScene({ dags: [chain] });
    const { coordinator, clock } = scene;
    const { token, view } = await coordinator.createToken('default', 'api', 'ci', 60_000);
    expect(token).toMatch(/^skt_/);
    expect(JSON.stringify(await coordinator.listTokens('default'))).not.toContain(token);
    expect(await coordinator.authenticate(token, 'api')).toEqual({
      tenant: 'default',
      tokenId: view.tokenId,
      name: 'ci',
      role: 'admin',
      expiresAt: expect.any(Number),
    });
    await expect(coordinator.authenticate(token, 'join')).rejects.toMatchObject({ code: 'unauthenticated' });
    clock.jumpWall(61_000);
    await expect(coordinator.authenticate(token, 'api')).rejects.toMatchObject({ code: 'unauthenticated' });
    const other = await coordinator.createToken('default', 'api', 'two');
    await coordinator.authenticate(other.token, 'api');
    await coordinator.revokeToken('default', other.view.tokenId);
    await expect(coordinator.authenticate(other.token, 'api')).rejects.toMatchObject({ code: 'unauthenticated' });
    await scene.close();
  });
});

describe('readiness', () => {
  test('is ready while all is well, not ready while the store fails, and ready again after a commit', async () => {
    const scene = await createScene({ dags: [chain] });
    expect(scene.coordinator.readiness().status).toBe('ready');
    scene.onAppend = () => new Promise(() => undefined);
    void scene.coordinator.submitRun('default', { dag: 'chain' }).catch(() => undefined);
    await scene.clock.advance(6_000);
    expect(scene.coordinator.readiness()).toMatchObject({ status: 'not_ready', checks: { store: { ok: false } } });
  });

  test('a coordinator that was not started is not ready', async () => {
    const scene = await createScene({ dags: [chain] });
    await scene.close();
    expect(scene.coordinator.readiness().status).toBe('not_ready');
  });
});
