import type { FleetScene } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { far, holderAt, allShards as shards, farWorker as worker } from '../../test/far-holder.ts';
import { openPeers, typesOf } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

/** A run whose step is at work at the far worker. */
const begin = async () => {
  const z = holderAt(scene);
  z.link.send({ type: 'worker', worker });
  const runId = await scene.submit('a', 'single');
  z.link.send({ type: 'grant', ...far, taskClass: 'x', count: 1 });
  await scene.settle();
  const offer = z.told().find(({ type }) => type === 'offer');
  if (offer?.type !== 'offer') throw new Error('nothing was offered');
  const { step, attempt, token } = offer.offer;
  const task = { runId, step, attempt, token };
  z.link.send({ type: 'from_worker', ...far, message: { type: 'received', task } });
  z.link.send({ type: 'from_worker', ...far, message: { type: 'started', task } });
  await scene.settle();
  return { z, runId, running: [{ ...task, started: true }] };
};

test('whoever gives a run away stops none of its tasks, whatever it hears of them meanwhile', async () => {
  scene = await openPeers(['a', 'b']);
  const { z, running } = await begin();
  scene.of('a').faults.maxDelayMs = 200;
  let isOver = false;
  const stop = scene
    .of('a')
    .api.stop()
    .finally(() => {
      isOver = true;
    });
  for (let passes = 0; !isOver && passes < 500; passes += 1) {
    z.link.send({ type: 'holdings', shards, workers: [{ ...far, running, unacknowledged: [] }] });
    await scene.clock.advance(10);
  }
  await stop;
  expect(z.told().filter(({ type }) => type === 'revoke')).toEqual([]);
});

test('what a worker held when it came says nothing of what it got since: its holder is asked', async () => {
  scene = await openPeers(['a']);
  const { z, runId, running } = await begin();
  z.link.close();
  const again = holderAt(scene);
  // Said when the stream was opened, and late.
  again.link.send({ type: 'worker', worker: { ...worker, holds: { running: [], unacknowledged: [] } } });
  await scene.settle();
  expect(await typesOf(scene, runId)).not.toContain('step_lost');
  const asked = again.received.filter(({ type }) => type === 'homes').length;
  for (let answer = 0; answer < asked; answer += 1)
    again.link.send({ type: 'holdings', shards, workers: [{ ...far, running, unacknowledged: [] }] });
  await scene.settle();
  expect(await typesOf(scene, runId)).not.toContain('step_lost');
  expect(again.told().filter(({ type }) => type === 'revoke')).toEqual([]);
});

test('a task is not lost on the word of who held the worker before, only on that of who holds it now', async () => {
  scene = await openPeers(['a']);
  const { z, runId } = await begin();
  z.link.close();
  const { workerId } = far;
  // Claimed twice: once for the stream of before, once for one elsewhere.
  await scene.stores.places.claim('default', workerId, 'z', worker.sessionId);
  await scene.stores.places.claim('default', workerId, 'y', 'ses_other');
  const again = holderAt(scene);
  again.link.send({ type: 'worker', worker });
  const asked = (): number => again.received.filter(({ type }) => type === 'homes').length;
  for (let answer = 0; answer < asked(); answer += 1) again.link.send({ type: 'holdings', shards, workers: [] });
  await scene.settle();
  expect(await typesOf(scene, runId)).not.toContain('step_lost');
  const elsewhere = holderAt(scene);
  elsewhere.link.send({
    type: 'worker',
    worker: { ...worker, sessionId: `ses_other${worker.sessionId.slice(-13)}`, epoch: 2 },
  });
  for (let answer = 0; answer < 3; answer += 1) elsewhere.link.send({ type: 'holdings', shards, workers: [] });
  await scene.settle();
  expect(await typesOf(scene, runId)).toContain('step_lost');
});
