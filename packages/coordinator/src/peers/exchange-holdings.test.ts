import { shardOf } from '@skein/domain';
import { createNodeHasher, type FleetScene } from '@skein/testkit';
import { afterEach, expect, test } from 'vitest';
import { far, holderAt, allShards as shards, farWorker as worker } from '../../test/far-holder.ts';
import { openPeers, typesOf } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

test('an answer judges the leases that were known when it was asked for, and no later one', async () => {
  scene = await openPeers(['a']);
  const z = holderAt(scene);
  z.link.send({ type: 'worker', worker });
  const runId = await scene.submit('a', 'single');
  z.link.send({ type: 'grant', ...far, taskClass: 'x', count: 1 });
  await scene.settle();
  expect(z.offers().map((offer) => offer.runId)).toEqual([runId]);
  // Said before the offer arrived.
  z.link.send({ type: 'holdings', shards, workers: [] });
  await scene.settle();
  expect(await typesOf(scene, runId)).not.toContain('step_lost');
});

test('after another stream, what is named goes on, what is not is lost as never begun, what is too much is revoked', async () => {
  scene = await openPeers(['a']);
  const first = holderAt(scene);
  first.link.send({ type: 'worker', worker });
  const runs = [await scene.submit('a', 'once'), await scene.submit('a', 'once')];
  first.link.send({ type: 'grant', ...far, taskClass: 'x', count: 2 });
  await scene.settle();
  const [kept, lost] = first.offers();
  if (kept === undefined || lost === undefined) throw new Error('nothing was offered');
  first.link.close();
  const z = holderAt(scene);
  z.link.send({ type: 'worker', worker });
  const { step, attempt } = kept;
  const strange = { runId: runs[0] ?? '', step, attempt, token: 99 };
  const running = [
    { runId: kept.runId, step, attempt, token: kept.token, started: true },
    { ...strange, started: true },
  ];
  z.link.send({ type: 'holdings', shards, workers: [{ ...far, running, unacknowledged: [] }] });
  await scene.settle();
  expect(await typesOf(scene, kept.runId)).not.toContain('step_lost');
  expect((await scene.facts(lost.runId)).filter(({ type }) => type === 'step_lost')).toMatchObject([
    { reason: 'worker_forgot', started: false },
  ]);
  expect(z.revoked()).toEqual([strange]);
});

test('a result that comes after its worker has gone is taken from that process, and from no other of its name', async () => {
  scene = await openPeers(['a']);
  const z = holderAt(scene);
  z.link.send({ type: 'worker', worker });
  const runId = await scene.submit('a', 'once');
  z.link.send({ type: 'grant', ...far, taskClass: 'x', count: 1 });
  await scene.settle();
  const { step, attempt, token } = z.offers()[0]!;
  z.link.send({ type: 'worker_gone', ...far, reason: 'stream_broke' });
  const result = { runId, step, attempt, token, outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 } as const;
  const say = async (sessionId: string): Promise<void> => {
    z.link.send({ type: 'from_worker', workerId: far.workerId, sessionId, message: { type: 'result', result } });
    await scene.settle();
  };
  await say(`ses_far.${createNodeHasher().digest('another').slice(-12)}`);
  expect(await typesOf(scene, runId)).not.toContain('step_finished');
  await say(far.sessionId);
  expect(await typesOf(scene, runId)).toContain('step_finished');
});

test('each coordinator says which shards are its own, and answers what its workers hold of others', async () => {
  scene = await openPeers(['a']);
  const local = await scene.join('a', { workerId: 'wrk_near' });
  const z = holderAt(scene);
  expect(z.received.find(({ type }) => type === 'homes')).toMatchObject({ shards: { length: 256 } });
  const runId = await scene.submit('a', 'single');
  await scene.settle();
  const offer = local.offers[0];
  if (offer === undefined) throw new Error('nothing was offered');
  local.start(offer);
  z.link.send({ type: 'homes', shards: [{ shard: shardOf(runId), epoch: 1_000 }] });
  const answer = z.received.findLast(({ type }) => type === 'holdings');
  expect(answer).toMatchObject({
    shards: [shardOf(runId)],
    workers: [{ workerId: 'wrk_near', running: [{ runId, token: offer.token, started: true }] }],
  });
});
