import { defaultTenant } from '@skein/domain';
import { type FleetScene, taskOf } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openPeers, pass, rejoin, shownAt, typesOf } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

/** A task of a run at home at `a`, begun at a worker of `b`. */
const begin = async (dag: string, ids: readonly string[] = ['a', 'b'], slots = 1) => {
  scene = await openPeers(ids);
  const worker = await scene.join('b', { slots });
  const runId = await scene.submit('a', dag);
  await pass(scene, 100, worker);
  const offer = worker.offers[0];
  if (offer === undefined) throw new Error('nothing was offered');
  worker.start(offer);
  await scene.settle();
  return { worker, runId, offer };
};

const leases = async (runId: string): Promise<number> =>
  (await typesOf(scene, runId)).filter((type) => type === 'step_leased').length;

describe('a worker of a peer that is gone', () => {
  test('its stream broke: repeat-safe steps run elsewhere at once, others when the lease lapses', async () => {
    const { worker, runId } = await begin('safe');
    const plain = await scene.submit('a', 'single');
    const other = await scene.join('b', { slots: 2 });
    worker.break();
    await pass(scene, 300, other);
    expect(await leases(runId)).toBe(2);
    expect(other.offers.map((offer) => offer.runId).toSorted()).toEqual([runId, plain].toSorted());
  });

  test('its launcher told any coordinator of its exit: its tasks run elsewhere at once', async () => {
    const { worker, runId } = await begin('single', ['a', 'b', 'c']);
    const other = await scene.join('b');
    const { workerId, incarnation } = worker.info;
    await scene.of('c').api.gateway.reportExit({ token: scene.joinToken }, { workerId, incarnation });
    await pass(scene, 200, other);
    expect((await scene.facts(runId)).filter(({ type }) => type === 'step_lost')).toMatchObject([
      { reason: 'worker_exited' },
    ]);
    expect(other.offers).toHaveLength(1);
    expect(worker.closed).toBe(true);
  });

  test('it said goodbye: its holder and its home forget it', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    await pass(scene, 100, worker);
    const ids = () =>
      scene
        .of('a')
        .api.listWorkers(defaultTenant)
        .map(({ workerId }) => workerId);
    expect(ids()).toEqual([worker.info.workerId]);
    worker.send({ type: 'goodbye' });
    await scene.clock.advance(100);
    expect(ids()).toEqual([]);
  });

  test('it is silent: nothing new for it, and its lease lapses as if it were here', async () => {
    const { worker, runId } = await begin('single');
    const other = await scene.join('b');
    await pass(scene, 7_500, other);
    expect((await scene.facts(runId)).filter(({ type }) => type === 'step_lost')).toMatchObject([
      { reason: 'lease_lapsed' },
    ]);
    expect(other.offers).toHaveLength(1);
    expect(worker.offers).toHaveLength(1);
  });

  test('its lease is about to lapse, but its place says that it went elsewhere: it gets one more period', async () => {
    const { worker, runId, offer } = await begin('single', ['a', 'b', 'c']);
    scene.network.partition('a', 'c');
    scene.kill('b');
    await scene.clock.advance(4_000);
    const running = [{ ...taskOf(offer), started: true }];
    const again = await rejoin(scene, 'c', worker, { running });
    await pass(scene, 3_000, again);
    expect(await leases(runId)).toBe(1);
    scene.network.heal();
    await pass(scene, 3_000, again);
    again.finish(offer);
    await pass(scene, 300, again);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await leases(runId)).toBe(1);
  });
});

describe('what is said through the holder', () => {
  test('draining a worker at any coordinator reaches it, and all hear of it', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    await pass(scene, 100, worker);
    scene.of('a').api.drainWorker(defaultTenant, worker.info.workerId);
    await scene.settle();
    expect(worker.of('drain')).toHaveLength(1);
    for (const id of ['a', 'b', 'c'])
      expect(
        scene
          .of(id)
          .api.listWorkers(defaultTenant)
          .map(({ state }) => state),
      ).toEqual(['draining']);
    await scene.submit('c', 'single');
    await pass(scene, 500, worker);
    expect(worker.offers).toEqual([]);
  });

  test('a worker that cannot be reached is not said to drain', async () => {
    const { worker } = await begin('single');
    scene.network.partition('a', 'b');
    const drain = (): void => scene.of('a').api.drainWorker(defaultTenant, worker.info.workerId);
    expect(drain).toThrow(expect.objectContaining({ code: 'unavailable' }));
    scene.network.heal();
    await pass(scene, 2_500, worker);
    drain();
    await scene.settle();
    expect(worker.of('drain')).toHaveLength(1);
  });

  test('draining that is lost on the way to the holder is said again, and only to that process', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    await pass(scene, 100, worker);
    const stop = scene.network.onNext('a', 'to_worker', () => scene.network.break('a', 'b'));
    scene.of('a').api.drainWorker(defaultTenant, worker.info.workerId);
    await scene.settle();
    stop();
    expect(worker.of('drain')).toEqual([]);
    await pass(scene, 2_500, worker);
    expect(worker.of('drain')).toHaveLength(1);
    const states = () => ['a', 'b'].map((id) => scene.of(id).api.listWorkers(defaultTenant)[0]?.state);
    expect(states()).toEqual(['draining', 'draining']);
    worker.send({ type: 'goodbye' });
    await scene.settle();
    const next = await scene.join('b', { workerId: worker.info.workerId });
    await pass(scene, 300, next);
    expect(next.of('drain')).toEqual([]);
    expect(states()).toEqual(['connected', 'connected']);
  });

  test.each(['a', 'b', 'c'])(
    'draining that is lost on the way from the holder is said again on the next stream of the worker, at %s',
    async (next) => {
      scene = await openPeers(['a', 'b', 'c']);
      const worker = await scene.join('b');
      await pass(scene, 100, worker);
      worker.break();
      const half = await rejoin(scene, 'b', worker);
      scene.of('a').api.drainWorker(defaultTenant, worker.info.workerId);
      // It never read it.
      await scene.settle();
      half.break();
      // Its holder knows it too.
      if (next === 'b') scene.kill('a');
      await pass(scene, 500);
      const again = await rejoin(scene, next, worker);
      await pass(scene, 500, again);
      expect(again.of('drain').length).toBeGreaterThan(0);
      expect(scene.of('c').api.listWorkers(defaultTenant)[0]?.state).toBe('draining');
    },
  );

  test('a stream whose place was claimed before that of another is not welcomed after it', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const { places } = scene.stores;
    const claim = places.claim.bind(places);
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    places.claim = async (...args) => {
      const place = await claim(...args);
      if (args[2] === 'a') await held;
      return place;
    };
    const early = await rejoin(scene, 'a', worker);
    const late = await rejoin(scene, 'b', worker);
    expect(late.of('welcome')).toHaveLength(1);
    answer();
    await scene.settle();
    expect([early.of('welcome'), early.of('refused').map(({ error }) => error.code)]).toEqual([[], ['unavailable']]);
    expect([early.closed, late.closed]).toEqual([true, false]);
  });

  test('a token that is revoked at any coordinator cuts off its workers everywhere', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    await scene.finish(scene.of('a').api.revokeToken(defaultTenant, 'tok_join'));
    await scene.settle();
    expect(worker.closed).toBe(true);
    expect(scene.of('a').api.listWorkers(defaultTenant)).toEqual([]);
  });

  test('logs and values reach the home, and values come from there', async () => {
    const { worker, offer, runId } = await begin('single');
    const { gateway } = scene.of('b').api;
    const credentials = { token: scene.joinToken };
    const sessionId = worker.of('welcome')[0]?.sessionId ?? '';
    const bytes = new TextEncoder().encode('said');
    const digest = await gateway.storeBlob(credentials, sessionId, taskOf(offer), bytes);
    expect(await gateway.fetchBlob(credentials, sessionId, taskOf(offer), digest)).toEqual(bytes);
    worker.send({ type: 'log', task: taskOf(offer), bytes });
    await scene.settle();
    const log = await scene.finish(scene.of('a').api.readLog(defaultTenant, runId, 'a', { offset: 0, limit: 100 }));
    expect(new TextDecoder().decode(log.bytes)).toBe('said');
  });

  test('a worker cannot act for a task that it does not hold, wherever that is at home', async () => {
    const { offer } = await begin('single');
    const thief = await scene.join('b');
    const sessionId = thief.of('welcome')[0]?.sessionId ?? '';
    const { gateway } = scene.of('b').api;
    await expect(
      gateway.storeBlob({ token: scene.joinToken }, sessionId, taskOf(offer), new Uint8Array(1)),
    ).rejects.toMatchObject({ code: expect.stringMatching(/stale_fencing_token|permission_denied/) });
    thief.finish(offer);
    await scene.settle();
    expect(thief.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['stale']);
  });

  test('logs that are on their way when the stream breaks may be missing, but nothing of them is written twice or out of order', async () => {
    const { worker, offer, runId } = await begin('single');
    const say = (text: string): void =>
      worker.send({ type: 'log', task: taskOf(offer), bytes: new TextEncoder().encode(text) });
    say('before ');
    await scene.settle();
    const stop = scene.network.onNext('b', 'from_worker', () => scene.network.partition('a', 'b'));
    say('on its way ');
    await scene.settle();
    stop();
    say('kept ');
    scene.network.heal();
    await pass(scene, 2_500, worker);
    say('after');
    await scene.settle();
    const { bytes } = await scene.finish(
      scene.of('a').api.readLog(defaultTenant, runId, 'a', { offset: 0, limit: 100 }),
    );
    expect(new TextDecoder().decode(bytes)).toMatch(/^before (on its way )?kept after$/);
  });

  test('whoever follows a run at another coordinator is woken by its home', async () => {
    const { worker, runId, offer } = await begin('single');
    const seen: string[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of scene.of('b').api.watchRun(defaultTenant, runId, 0, stop.signal)) seen.push(event.type);
    })();
    await pass(scene, 100, worker);
    expect(seen).toContain('step_leased');
    worker.finish(offer);
    await scene.settle();
    expect(seen.at(-1)).toBe('run_finished');
    stop.abort();
    await following;
    expect(await shownAt(scene, 'b', runId)).toBe('succeeded');
  });

  test('a worker whose homes do not answer is cut off before what it said fills the memory', async () => {
    const { worker, offer } = await begin('single');
    scene.network.partition('a', 'b');
    const bytes = new Uint8Array(1024 * 1024);
    for (let count = 0; count < 20 && !worker.closed; count += 1)
      worker.send({ type: 'log', task: taskOf(offer), bytes });
    expect(worker.closed).toBe(true);
    expect(worker.of('refused').map(({ error }) => error.code)).toEqual(['resource_exhausted']);
  });
});
