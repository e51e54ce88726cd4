import { DomainError, defaultTenant } from '@skein/domain';
import { callOf, createScene, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const outer = dagOf([callOf('go', 'inner')], { name: 'outer' });
const innerWith = (outputs: { readonly [name: string]: string }) => dagOf([stepOf('work')], { name: 'inner', outputs });

describe('outputs of a called run', () => {
  test('that are too large together go by digest, the largest first, until the rest fits', async () => {
    const inner = innerWith({ a: 'a'.repeat(20_000), b: 'b'.repeat(25_000), c: 'small' });
    const scene = await createScene({ dags: [outer, inner] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0);
    const returned = (await scene.facts(runId)).find(({ type }) => type === 'step_returned');
    expect(returned).toMatchObject({
      result: {
        outputs: {
          a: { inline: 'a'.repeat(20_000) },
          b: { digest: expect.any(String) as string },
          c: { inline: 'small' },
        },
      },
    });
    await scene.close();
  });

  test('with more names than a fact can hold make the call fail', async () => {
    const names = Array.from({ length: 100 }, (_, at) => [`output-${at}`, 'text'] as const);
    const scene = await createScene({ dags: [outer, innerWith(Object.fromEntries(names))] });
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    await scene.answer(worker, 0);
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'failed', error: { code: 'too_large' } });
    await scene.close();
  });

  test('that cannot be stored now are given back once they can be: the call does not fail', async () => {
    const scene = await createScene({ dags: [outer, innerWith({ large: 'x'.repeat(60_000) })] });
    const { blobs } = scene.stores;
    const put = blobs.put.bind(blobs);
    const worker = await scene.join();
    const runId = await scene.submit('outer');
    blobs.put = () => Promise.reject(new DomainError('unavailable', 'no answer'));
    await scene.answer(worker, 0);
    await scene.clock.advance(3_000);
    expect((await scene.view(runId)).steps[0]?.status).toBe('waiting');
    blobs.put = put;
    await scene.clock.advance(6_000);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await scene.coordinator.readOutput(defaultTenant, runId, 'go', 'large')).toHaveLength(60_000);
    await scene.close();
  });
});
