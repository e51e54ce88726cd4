import { shardOf } from '@skein/domain';
import { type FleetScene, taskOf } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openPeers, pass, rejoin, typesOf } from '../../test/peer-scene.ts';

let scene: FleetScene;

afterEach(() => scene.close());

const leases = async (runId: string): Promise<number> =>
  (await typesOf(scene, runId)).filter((type) => type === 'step_leased').length;

describe('the stream between home and holder breaks', () => {
  test('between grant and offer: the task was never offered, and is leased again uncharged', async () => {
    let isCut = false;
    scene = await openPeers(['a', 'b'], {
      onAppend: async (by, { facts }) => {
        if (by !== 'a' || isCut || !facts.some(({ type }) => type === 'step_leased')) return;
        isCut = true;
        scene.network.break('a', 'b');
      },
    });
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'once');
    await pass(scene, 1_000, worker);
    expect(isCut).toBe(true);
    expect(worker.offers.map(({ attempt }) => attempt)).toEqual([1]);
    expect((await scene.facts(runId)).filter(({ type }) => type === 'step_lost')).toMatchObject([{ started: false }]);
  });

  test('between offer and its arrival: what never arrived is leased again, although the step must not run twice', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await rejoin(scene, 'b', await scene.join('b'));
    const stop = scene.network.onNext('a', 'to_worker', () => scene.network.break('a', 'b'));
    const runId = await scene.submit('a', 'once');
    await pass(scene, 1_500, worker);
    stop();
    expect(worker.offers).toHaveLength(1);
    expect((await scene.facts(runId)).filter(({ type }) => type === 'step_lost')).toMatchObject([
      { reason: 'worker_forgot', started: false },
    ]);
    worker.start(worker.offers[0]!);
    worker.finish(worker.offers[0]!);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
  });

  test('after the offer arrived: the worker goes on, and nothing is leased again', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    scene.network.partition('a', 'b');
    await pass(scene, 3_000, worker);
    scene.network.heal();
    await pass(scene, 2_500, worker);
    expect(await leases(runId)).toBe(1);
    expect(worker.of('revoke')).toEqual([]);
  });

  test('with a result on its way: the holder says it again, and it is recorded once', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'single');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    scene.network.partition('a', 'b');
    await pass(scene, 500, worker);
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await pass(scene, 1_000, worker);
    expect(await scene.status(runId)).toBe('running');
    scene.network.heal();
    await pass(scene, 2_500, worker);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
  });

  test('with the answer to a result on its way: the repetition is answered as one', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'single');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    const stop = scene.network.onNext('a', 'to_worker', () => scene.network.break('a', 'b'));
    worker.finish(worker.offers[0]!);
    await pass(scene, 1_000, worker);
    stop();
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['repeated']);
    expect((await typesOf(scene, runId)).filter((type) => type === 'step_finished')).toHaveLength(1);
  });

  test('for longer than a lease: only then is the task leased again, and the first result is stale', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const other = await scene.join('a', { labels: {} });
    other.credits(0);
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker, other);
    worker.start(worker.offers[0]!);
    other.credits(1);
    scene.network.partition('a', 'b', true);
    await pass(scene, 4_000, worker, other);
    expect(worker.of('revoke')).toEqual([]);
    await pass(scene, 1_500, worker, other);
    expect(await leases(runId)).toBe(1);
    // Before the lease lapses at the home, as if the worker heard from nobody.
    expect(worker.of('revoke').map(({ task }) => task)).toEqual([taskOf(worker.offers[0]!)]);
    await pass(scene, 2_500, worker, other);
    expect(await leases(runId)).toBe(2);
    expect(other.offers).toHaveLength(1);
    scene.network.heal();
    await pass(scene, 4_000, worker, other);
    worker.finish(worker.offers[0]!);
    await pass(scene, 500, worker, other);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['stale']);
  });
});

describe('the home moves while a task runs', () => {
  test('the new home adopts the task of the worker of a third, and takes its result', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'chain');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    scene.kill('a');
    await pass(scene, 2_000, worker);
    expect(await leases(runId)).toBe(1);
    worker.finish(worker.offers[0]!);
    worker.credits(1);
    await pass(scene, 500, worker);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect(worker.offers.map(({ step }) => step)).toEqual(['a', 'b']);
  });

  test('a result that was said while nobody was home is recorded by the new home', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'single');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    scene.kill('a');
    worker.finish(worker.offers[0]!);
    await scene.settle();
    expect(worker.of('result_acknowledged')).toEqual([]);
    await pass(scene, 2_000, worker);
    expect(worker.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await leases(runId)).toBe(1);
  });

  test.each(['its stream broke', 'it said goodbye', 'it says goodbye in that moment'])(
    'what a worker said while nobody was home is recorded by the new home also when the worker is gone by then: %s',
    async (how) => {
      scene = await openPeers(['a', 'b', 'c']);
      const worker = await scene.join('b', { slots: 12 });
      const runs: string[] = [];
      for (let count = 0; count < 12; count += 1) runs.push(await scene.submit('a', 'once'));
      await pass(scene, 200, worker);
      for (const offer of worker.offers) worker.start(offer);
      await scene.settle();
      scene.kill('a');
      scene.network.break('a');
      for (const offer of worker.offers) worker.finish(offer);
      await scene.settle();
      if (how === 'its stream broke') worker.break();
      if (how === 'it said goodbye') worker.send({ type: 'goodbye' });
      if (how === 'it says goodbye in that moment')
        scene.network.onNext('c', 'homes', () => worker.send({ type: 'goodbye' }));
      await pass(scene, 2_000);
      expect(worker.closed || how === 'its stream broke').toBe(true);
      const homes = await scene.homes();
      expect(new Set(runs.map((runId) => homes.get(shardOf(runId))))).toEqual(new Set(['b', 'c']));
      for (const runId of runs) {
        expect(await scene.status(runId)).toBe('succeeded');
        expect(await leases(runId)).toBe(1);
      }
      const answered = scene.passed.filter(
        ({ to, message }) =>
          to === 'b' && message.type === 'to_worker' && message.message.type === 'result_acknowledged',
      );
      const atC = runs.filter((runId) => homes.get(shardOf(runId)) === 'c');
      expect(answered).toHaveLength(atC.length);
      // What was answered is not kept, and not said again.
      scene.passed.length = 0;
      await pass(scene, 30_000);
      expect(scene.passed.filter(({ message }) => message.type === 'from_worker')).toEqual([]);
      expect(scene.lines.map(({ message }) => message)).not.toContain('results of a worker that is gone found no home');
    },
  );

  test('a home that leaves in order hands the tasks over: none is lost, none is leased twice', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const workers = [await scene.join('b', { slots: 4 }), await scene.join('c', { slots: 4 })];
    const runs = [await scene.submit('a', 'wide'), await scene.submit('a', 'wide')];
    await pass(scene, 100, ...workers);
    for (const worker of workers) for (const offer of worker.offers) worker.start(offer);
    await scene.settle();
    await scene.stop('a');
    await pass(scene, 2_000, ...workers);
    for (const worker of workers) for (const offer of worker.offers) worker.finish(offer);
    await pass(scene, 1_000, ...workers);
    for (const runId of runs) {
      expect(await scene.status(runId)).toBe('succeeded');
      expect(await leases(runId)).toBe(4);
    }
  });
});

test('a coordinator that was cut off takes no worker before it knows again whose home it is', async () => {
  scene = await openPeers(['a', 'b']);
  const runs: string[] = [];
  for (let count = 0; count < 4; count += 1) runs.push(await scene.submit('a', 'once'));
  const { process, faults } = scene.of('a');
  faults.fail = 1;
  scene.network.partition('a', 'b');
  await scene.clock.advance(3_000);
  // The new home leases tasks of which the old one has not heard.
  const worker = await scene.join('b', { slots: 4 });
  await pass(scene, 300, worker);
  expect(worker.offers).toHaveLength(4);
  for (const offer of worker.offers) worker.start(offer);
  await scene.settle();
  const running = worker.offers.map((offer) => ({ ...taskOf(offer), started: true }));
  expect(process.alive).toBe(true);
  faults.fail = 0;
  const early = await rejoin(scene, 'a', worker, { running });
  expect(early.of('welcome')).toEqual([]);
  expect(early.of('refused').map(({ error }) => error.code)).toEqual(['unavailable']);
  scene.network.heal();
  await pass(scene, 2_500, worker);
  const again = await rejoin(scene, 'a', worker, { running });
  expect(again.of('welcome')[0]?.keep).toHaveLength(4);
});

describe('the holder dies', () => {
  test('the worker reconnects to a third coordinator and goes on: nothing runs again', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b', { slots: 2 });
    const runs = [await scene.submit('a', 'safe'), await scene.submit('a', 'once')];
    await pass(scene, 100, worker);
    for (const offer of worker.offers) worker.start(offer);
    await scene.settle();
    scene.kill('b');
    await scene.clock.advance(300);
    const running = worker.offers.map((offer) => ({ ...taskOf(offer), started: true }));
    const again = await rejoin(scene, 'c', worker, { running });
    expect(again.of('welcome')[0]?.keep).toHaveLength(2);
    await pass(scene, 8_000, again);
    expect(again.of('revoke')).toEqual([]);
    for (const offer of worker.offers) again.finish(offer);
    await pass(scene, 500, again);
    for (const runId of runs) {
      expect(await leases(runId)).toBe(1);
      expect(await scene.status(runId)).toBe('succeeded');
    }
  });

  test('in order: its workers go elsewhere, and not even what may run twice runs again', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    await scene.stop('b');
    expect(worker.closed).toBe(true);
    await scene.clock.advance(500);
    const running = [{ ...taskOf(worker.offers[0]!), started: true }];
    const again = await rejoin(scene, 'c', worker, { running });
    await pass(scene, 1_000, again);
    expect(await leases(runId)).toBe(1);
    again.finish(worker.offers[0]!);
    await pass(scene, 300, again);
    expect(await scene.status(runId)).toBe('succeeded');
  });

  test('a worker that comes back to the home itself keeps its task too', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    scene.kill('b');
    const running = [{ ...taskOf(worker.offers[0]!), started: true }];
    const again = await rejoin(scene, 'a', worker, { running });
    again.finish(worker.offers[0]!);
    await pass(scene, 500, again);
    expect(await leases(runId)).toBe(1);
    expect(await scene.status(runId)).toBe('succeeded');
  });

  test('with its worker, which never comes back: the lease lapses, and the task runs elsewhere', async () => {
    scene = await openPeers(['a', 'b']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    scene.kill('b');
    const other = await scene.join('a');
    await pass(scene, 5_000, other);
    expect(other.offers).toHaveLength(0);
    await pass(scene, 3_000, other);
    expect(other.offers.map((offer) => offer.runId)).toEqual([runId]);
  });
});

describe('two coordinators think that they hold the worker', () => {
  test('the later stream counts: the earlier one is ended, and the task goes on', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    const running = [{ ...taskOf(worker.offers[0]!), started: true }];
    const again = await rejoin(scene, 'c', worker, { running });
    await pass(scene, 100, again);
    expect(worker.closed).toBe(true);
    expect(again.closed).toBe(false);
    again.finish(worker.offers[0]!);
    await pass(scene, 500, again);
    expect(again.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    expect(await leases(runId)).toBe(1);
  });

  test('a result that comes through both is recorded once', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'single');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    scene.network.partition('b', 'c', true);
    const again = await rejoin(scene, 'c', worker, { unacknowledged: [taskOf(worker.offers[0]!)] });
    worker.finish(worker.offers[0]!);
    again.finish(worker.offers[0]!);
    await pass(scene, 500, worker, again);
    const answers = [...worker.of('result_acknowledged'), ...again.of('result_acknowledged')];
    expect(answers.map(({ outcome }) => outcome)).toContain('recorded');
    expect((await typesOf(scene, runId)).filter((type) => type === 'step_finished')).toHaveLength(1);
    expect(await leases(runId)).toBe(1);
  });

  test('what the earlier one says of the worker once it is heard again changes nothing', async () => {
    scene = await openPeers(['a', 'b', 'c']);
    const worker = await scene.join('b');
    const runId = await scene.submit('a', 'safe');
    await pass(scene, 100, worker);
    worker.start(worker.offers[0]!);
    await scene.settle();
    scene.network.partition('a', 'b');
    scene.network.partition('b', 'c');
    const running = [{ ...taskOf(worker.offers[0]!), started: true }];
    const again = await rejoin(scene, 'c', worker, { running });
    await pass(scene, 500, worker, again);
    expect(worker.closed).toBe(false);
    // The coordinator that holds it no more is heard first.
    scene.network.heal();
    scene.network.partition('b', 'c');
    await pass(scene, 2_000, worker, again);
    again.finish(worker.offers[0]!);
    await pass(scene, 300, worker, again);
    expect(again.of('result_acknowledged').map(({ outcome }) => outcome)).toEqual(['recorded']);
    scene.network.heal();
    await pass(scene, 2_000, worker, again);
    expect(worker.closed).toBe(true);
    expect(await leases(runId)).toBe(1);
  });
});
