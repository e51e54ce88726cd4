import { shardOf } from '@skein/domain';
import type { PeerMessage } from '@skein/ports';
import { type FleetScene, type ScriptedWorker } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openPeers, pass } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

const said = <T extends PeerMessage['type']>(from: string, type: T, to?: string) =>
  scene.passed.flatMap(({ from: by, to: at, message }) =>
    by === from && (to === undefined || at === to) && message.type === type
      ? [message as Extract<PeerMessage, { readonly type: T }>]
      : [],
  );

/** Begins and ends what the worker was offered since the last time. */
const work = async (worker: ScriptedWorker, done: Set<number>): Promise<void> => {
  worker.offers.forEach((offer, at) => {
    if (done.has(at)) return;
    done.add(at);
    worker.start(offer);
    worker.finish(offer);
    worker.credits(worker.info.slots);
  });
  worker.beat();
  await scene.clock.advance(20);
};

describe('wishes', () => {
  test('go first to the peer that says that it has a slot, and to it alone', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const busy = await scene.join('b');
    busy.credits(0);
    const free = await scene.join('c');
    await pass(scene, 50, busy, free);
    scene.passed.length = 0;
    await scene.submit('a', 'single');
    await pass(scene, 20, busy, free);
    expect(free.offers).toHaveLength(1);
    expect(said('a', 'wish', 'c')).not.toEqual([]);
    expect(said('a', 'wish', 'b')).toEqual([]);
    // When nobody has a slot, all are asked.
    await scene.submit('a', 'single');
    await pass(scene, 20, busy, free);
    expect(said('a', 'wish', 'b')).not.toEqual([]);
  });

  test('are not said anew while a long queue only gets shorter', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b', { slots: 1 });
    for (let count = 0; count < 10; count += 1) await scene.submit('a', 'wide');
    await pass(scene, 200, worker);
    const done = new Set<number>();
    scene.passed.length = 0;
    for (let count = 0; count < 30; count += 1) await work(worker, done);
    expect(done.size).toBeGreaterThanOrEqual(30);
    expect(said('a', 'wish')).toEqual([]);
  });

  test('end with what was wished for: nothing is granted when nothing waits', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b', { slots: 4 });
    await scene.submit('a', 'wide');
    await pass(scene, 100, worker);
    const done = new Set<number>();
    for (let count = 0; count < 3; count += 1) await work(worker, done);
    await pass(scene, 500, worker);
    const granted = said('b', 'grant').reduce((sum, { count }) => sum + count, 0);
    const back = said('a', 'give_back').reduce((sum, { count }) => sum + count, 0);
    expect(granted - back).toBe(4);
    scene.passed.length = 0;
    await pass(scene, 1_000, worker);
    expect(said('b', 'grant')).toEqual([]);
  });

  test('end at the old home of runs that moved, so that it is granted no slots for them', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b', { slots: 8 });
    worker.credits(0);
    const runs: string[] = [];
    for (let count = 0; count < 12; count += 1) runs.push(await scene.submit('a', 'single'));
    await pass(scene, 200, worker);
    const wished = (): number | undefined => said('a', 'wish', 'b').at(-1)?.wishes.at(-1)?.count;
    expect(wished()).toBe(12);
    await scene.start('c');
    await pass(scene, 2_500, worker);
    const homes = await scene.homes();
    const left = runs.filter((runId) => homes.get(shardOf(runId)) === 'a').length;
    expect(left).toBeLessThan(12);
    expect(wished()).toBe(left);
  });
});

describe('grants', () => {
  test('that are not used within 50 ms are given back, and serve whoever waits then', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    await scene.submit('a', 'single');
    await pass(scene, 100, worker);
    const done = new Set<number>();
    // The slot of the finished task is the home's for what follows; nothing does.
    await work(worker, done);
    expect(said('a', 'give_back')).toEqual([]);
    await scene.submit('b', 'single');
    expect(worker.offers).toHaveLength(1);
    await pass(scene, 60, worker);
    expect(said('a', 'give_back')).toMatchObject([{ count: 1 }]);
    expect(worker.offers).toHaveLength(2);
  });

  test('go round among coordinators that wait, and runs of the holder', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('c');
    const homes = new Map<string, string>();
    for (const id of ['a', 'b', 'c'])
      for (let count = 0; count < 4; count += 1) homes.set(await scene.submit(id, 'wide'), id);
    await pass(scene, 200, worker);
    const done = new Set<number>();
    for (let count = 0; count < 24; count += 1) await work(worker, done);
    const served = worker.offers.slice(0, 24).map(({ runId }) => homes.get(runId));
    for (const id of ['a', 'b', 'c']) expect(served.filter((home) => home === id).length).toBeGreaterThanOrEqual(6);
  });

  test('for a worker that left meanwhile come to nothing', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const stop = scene.network.onNext('b', 'grant', () => worker.send({ type: 'goodbye' }));
    await scene.submit('a', 'single');
    await pass(scene, 200);
    stop();
    expect(worker.offers).toEqual([]);
    const other = await scene.join('b');
    await pass(scene, 300, other);
    expect(other.offers).toHaveLength(1);
  });

  test('of workers that drain are given back, and no more of them are made', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    await scene.submit('a', 'chain');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    worker.send({ type: 'draining' });
    worker.finish(worker.offers[0]!);
    worker.credits(0);
    await pass(scene, 500, worker);
    expect(worker.offers).toHaveLength(1);
    const other = await scene.join('a');
    await pass(scene, 300, other);
    expect(other.offers.map(({ step }) => step)).toEqual(['b']);
  });
});

/** A coordinator that does only what a test tells it, and says that all runs are at home there. */
const pretend = (coordinatorId: string, epoch: number) => {
  const received: PeerMessage[] = [];
  const link = scene
    .of('b')
    .api.peerGateway.openPeerStream(
      { secret: 'secret of the fleet' },
      { onMessage: (message) => received.push(message), onClosed: () => undefined },
    );
  link.send({ type: 'peer_hello', protocol: { min: 1, max: 1 }, coordinatorId, incarnation: coordinatorId });
  link.send({ type: 'homes', shards: Array.from({ length: 256 }, (_, shard) => ({ shard, epoch })) });
  const told = received.find((message) => message.type === 'worker');
  const sessionId = told?.type === 'worker' ? told.worker.sessionId : '';
  const offer = (workerId: string): void => {
    const definition = { id: 'a', action: { kind: 'noop' }, workerSelector: {} };
    const message = { type: 'offer', offer: { runId: 'run_1', step: 'a', attempt: 1, token: 3, definition } };
    type Message = Extract<PeerMessage, { readonly type: 'to_worker' }>['message'];
    link.send({ type: 'to_worker', workerId, sessionId, message: message as unknown as Message });
  };
  return { link, received, offer };
};

test('an offer without a grant is handed back by the holder, and its attempt is not charged', async () => {
  scene = await openPeers(['b']);
  const worker = await scene.join('b');
  const home = pretend('a', 1_000);
  home.offer(worker.info.workerId);
  await scene.settle();
  expect(worker.offers).toEqual([]);
  const back = home.received.filter((one) => one.type === 'from_worker').map((one) => one.message);
  expect(back).toMatchObject([{ type: 'result', result: { token: 3, outcome: { status: 'released' } } }]);
});

test('only the latest home of a run is heard: what an earlier one says does not reach the worker', async () => {
  scene = await openPeers(['b']);
  const worker = await scene.join('b', { slots: 3 });
  const [old, latest] = [pretend('a', 1_000), pretend('c', 1_001)];
  const wish = { taskClass: 'x', tenant: 'default', kind: 'noop', selector: {}, count: 1, priority: 0 } as const;
  for (const { link } of [old, latest]) link.send({ type: 'wish', wishes: [wish] });
  await scene.settle();
  expect([old, latest].map(({ received }) => received.some(({ type }) => type === 'grant'))).toEqual([true, true]);
  old.offer(worker.info.workerId);
  await scene.settle();
  expect(worker.offers).toEqual([]);
  latest.offer(worker.info.workerId);
  await scene.settle();
  expect(worker.offers).toHaveLength(1);
});

test('a home that lost a run and has it again hears again what was said of it', async () => {
  scene = await openPeers(['b']);
  const worker = await scene.join('b');
  const home = pretend('a', 1_000);
  const homes = (epoch: number): PeerMessage => ({
    type: 'homes',
    shards: Array.from({ length: 256 }, (_, shard) => ({ shard, epoch })),
  });
  const results = (): number =>
    home.received.filter((one) => one.type === 'from_worker' && one.message.type === 'result').length;
  const task = { runId: 'run_1', step: 'a', attempt: 1, token: 3 };
  worker.finish(task);
  await scene.settle();
  expect(results()).toBe(1);
  // Asked once more for what is held: nothing has changed.
  home.link.send(homes(1_000));
  expect(results()).toBe(1);
  home.link.send(homes(1_002));
  expect(results()).toBe(2);
  const outcome = 'recorded';
  const { workerId } = worker.info;
  const answer = { type: 'result_acknowledged', task, outcome } as const;
  home.link.send({ type: 'to_worker', workerId, sessionId: 'whatever', message: answer });
  home.link.send(homes(1_003));
  expect(results()).toBe(2);
  expect(worker.of('result_acknowledged')).toHaveLength(1);
});
