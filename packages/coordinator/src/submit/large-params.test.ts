import { createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const text = 'x'.repeat(200_000);
const params = { big: text, small: 'y' };
const defs = [
  { name: 'big', type: 'string', required: true },
  { name: 'small', type: 'string', required: true },
] as const;
const uses = dagOf(
  [
    stepOf('a', { action: { kind: 'shell', commands: ['echo ${params.small}'] } }),
    stepOf('b', { depends: ['a'], action: { kind: 'shell', commands: ['cat ${params.big@file}'] } }),
  ],
  { name: 'uses', params: [...defs] },
);

describe('params that are too large for a fact', () => {
  test('go to the blob store before the append, and come back with the run after a restart', async () => {
    const scene = await createScene({ dags: [uses] });
    const { run } = await scene.coordinator.submitRun('default', { dag: 'uses', params });
    expect(run.params).toEqual(params);
    const submitted = (await scene.facts(run.runId))[0];
    expect(submitted).toMatchObject({ type: 'run_submitted', params: {}, paramsRef: { bytes: 200_000 + 22 } });
    await scene.restart();
    expect((await scene.coordinator.getRun('default', run.runId)).params).toEqual(params);
    const worker = await scene.join();
    expect(worker.offers[0]?.refs['params.small']).toEqual({ inline: 'y' });
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await scene.settle();
    const ref = worker.offers[1]?.refs['params.big'];
    expect(ref).toMatchObject({ bytes: text.length + 2 });
    const { sessionId } = worker.of('welcome')[0]!;
    const { runId, step, attempt, token } = worker.offers[1]!;
    const bytes = await scene.coordinator.gateway.fetchBlob(
      { token: scene.joinToken },
      sessionId,
      { runId, step, attempt, token },
      (ref as { readonly digest: string }).digest,
    );
    expect(JSON.parse(new TextDecoder().decode(bytes))).toBe(text);
    worker.finish(worker.offers[1]!);
    await scene.settle();
    expect(await scene.coordinator.getRun('default', runId)).toMatchObject({ status: 'succeeded', params });
    await scene.close();
  });

  test('survive a state checkpoint, and are taken over by a retry', async () => {
    const scene = await createScene({ dags: [uses], config: { checkpointFacts: 3 } });
    const worker = await scene.join();
    const runId = await scene.submit('uses', { params });
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await scene.settle();
    const checkpoint = await scene.stores.runs.loadCheckpoint('default', runId);
    expect(checkpoint?.seq).toBeGreaterThan(0);
    expect(checkpoint?.body.byteLength).toBeLessThan(20_000);
    await scene.restart();
    expect((await scene.coordinator.getRun('default', runId)).params).toEqual(params);
    await scene.coordinator.cancelRun('default', runId, 'me');
    await scene.clock.advance(7_000);
    const retried = await scene.coordinator.retryRun('default', runId, { by: 'me' });
    expect(retried.params).toEqual(params);
    expect((await scene.coordinator.getRun('default', retried.runId)).params).toEqual(params);
    await scene.close();
  });

  test('a store that cannot take them refuses the run, and nothing is appended', async () => {
    const scene = await createScene({ dags: [uses] });
    const put = scene.stores.blobs.put.bind(scene.stores.blobs);
    scene.stores.blobs.put = () => Promise.reject(new Error('the disk is full'));
    await expect(scene.coordinator.submitRun('default', { dag: 'uses', params })).rejects.toThrow();
    expect(scene.appends).toEqual([]);
    scene.stores.blobs.put = put;
    expect((await scene.coordinator.submitRun('default', { dag: 'uses', params })).created).toBe(true);
    await scene.close();
  });

  test('a run whose params are lost is an error of that run alone, never one that does not exist', async () => {
    const scene = await createScene({ dags: [uses, dagOf([stepOf('a')], { name: 'plain' })] });
    const { run } = await scene.coordinator.submitRun('default', { dag: 'uses', params });
    scene.stores.blobs.get = (_tenant, digest) => Promise.reject(new Error(`gone: ${digest}`));
    await scene.restart();
    const worker = await scene.join();
    await expect(scene.coordinator.getRun('default', run.runId)).rejects.toMatchObject({ code: 'internal' });
    const other = await scene.submit('plain');
    expect(worker.offers.map(({ runId }) => runId)).toEqual([other]);
    await scene.close();
  });
});

test('params and a routing context at their limits make a fact that fits; a larger context is too large', async () => {
  const scene = await createScene({ dags: [uses] });
  const submit = (paramBytes: number, contextBytes: number) =>
    scene.coordinator.submitRun('default', {
      dag: 'uses',
      params: { big: 'x'.repeat(paramBytes), small: 'y' },
      routingContext: { user: 'u'.repeat(contextBytes) },
    });
  const limit = 32 * 1024;
  for (const paramBytes of [10, 15_000, limit - 30, limit, 256 * 1024 - 30]) {
    expect((await submit(paramBytes, limit - 20)).created).toBe(true);
  }
  await expect(submit(10, limit)).rejects.toMatchObject({ code: 'too_large', details: { limit } });
  await expect(submit(256 * 1024, 1)).rejects.toMatchObject({ code: 'too_large', details: { limit: 256 * 1024 } });
  await scene.close();
});
