import type { Digest } from '@skein/domain';
import { type FleetScene, taskOf } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { openPeers, pass } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

test('a call of a worker that reaches a home that has given the run away is told to come again', async () => {
  scene = await openPeers(['a', 'b']);
  const worker = await scene.join('b', { slots: 24 });
  for (let count = 0; count < 24; count += 1) await scene.submit('a', 'single');
  await pass(scene, 300, worker);
  for (const offer of worker.offers) worker.start(offer);
  await scene.settle();
  expect(worker.offers).toHaveLength(24);
  const sessionId = worker.of('welcome')[0]!.sessionId;
  const codes: string[] = [];
  const door = scene.of('b').api.gateway;
  let over = false;
  const ask = (): void => {
    if (over) return;
    for (const offer of worker.offers)
      door
        .fetchBlob({ token: scene.joinToken }, sessionId, taskOf(offer), `sha256:${'0'.repeat(64)}` as Digest)
        .catch((error: { readonly code: string }) => codes.push(error.code));
    scene.network.onNext('a', 'homes', ask);
  };
  scene.network.onNext('a', 'homes', ask);
  await scene.start('d');
  await pass(scene, 1_000, worker);
  over = true;
  expect(codes.length).toBeGreaterThan(0);
  // No such blob, or nobody who knows: never that the task is another's.
  expect(new Set(codes)).toEqual(new Set(['not_found', 'unavailable']));
});
