import { defaultTenant, shardOf } from '@skein/domain';
import { createFleetScene, dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { targetsOf } from './targets.ts';

const dag = dagOf([stepOf('a')], { name: 'one' });
const chain = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { name: 'chain' });

let scene: FleetScene;

afterEach(() => scene.close());

const open = async (ids: readonly string[], more: Partial<Parameters<typeof createFleetScene>[0]> = {}) => {
  scene = await createFleetScene({ dags: [dag, chain], ...more });
  for (const id of ids) await scene.start(id);
  await scene.settledAt(ids);
  return scene;
};

/** Every shard is at the home that rendezvous hashing gives it. */
const expectTargets = async (ids: readonly string[]): Promise<void> => {
  const targets = targetsOf(ids);
  for (const [shard, home] of await scene.homes()) expect(home).toBe(targets[shard]);
};

const appendsOf = (runId: string) => scene.appends.filter(({ request }) => request.runId === runId);

/** A run whose shard is at home at this coordinator. */
const runAt = async (coordinatorId: string, name = 'one'): Promise<string> => {
  const runId = await scene.submit(coordinatorId, name);
  expect((await scene.homes()).get(shardOf(runId))).toBe(coordinatorId);
  return runId;
};

describe('joining', () => {
  test('the first takes all shards, each that joins gets its share, and nothing else moves', async () => {
    await open(['a']);
    expect(await scene.shares()).toEqual({ a: 256 });
    await scene.start('b');
    await scene.settledAt(['a', 'b']);
    await expectTargets(['a', 'b']);
    const before = await scene.homes();
    await scene.start('c');
    await scene.settledAt(['a', 'b', 'c']);
    await expectTargets(['a', 'b', 'c']);
    for (const [shard, home] of await scene.homes()) if (home !== 'c') expect(home).toBe(before.get(shard));
  });

  test('runs of shards that are given away go on at their new home, each with one driver', async () => {
    await open(['a']);
    const runs = await Promise.all(Array.from({ length: 20 }, () => scene.submit('a', 'chain')));
    await scene.start('b');
    await scene.settledAt(['a', 'b']);
    const worker = { a: await scene.join('a', { slots: 20 }), b: await scene.join('b', { slots: 20 }) };
    const homes = await scene.homes();
    expect(new Set(runs.map((runId) => homes.get(shardOf(runId))))).toEqual(new Set(['a', 'b']));
    for (const runId of runs) {
      const home = homes.get(shardOf(runId)) as 'a' | 'b';
      expect(worker[home].offers.map((offer) => offer.runId)).toContain(runId);
    }
  });

  test('a shard is given away only when no append of its runs is in flight', async () => {
    let let_in: () => void = () => undefined;
    let held: string | undefined;
    await open(['a'], {
      onAppend: async (by, { runId, facts }) => {
        if (by !== 'a' || held !== runId || facts[0]?.type !== 'cancel_requested') return;
        await new Promise<void>((resolve) => {
          let_in = resolve;
        });
      },
    });
    const toB = targetsOf(['a', 'b']);
    while (held === undefined) {
      const runId = await scene.submit('a', 'one');
      if (toB[shardOf(runId)] === 'b') held = runId;
    }
    const runId = held;
    await scene.start('b');
    const cancelled = scene.of('a').api.cancelRun(defaultTenant, runId, 'me');
    await scene.until(async () => (await scene.shares())['b'] !== undefined);
    await scene.clock.advance(200);
    expect((await scene.homes()).get(shardOf(runId))).toBe('a');
    let_in();
    await scene.finish(cancelled.catch(() => undefined));
    await scene.settledAt(['a', 'b']);
    expect((await scene.homes()).get(shardOf(runId))).toBe('b');
    expect(await scene.status(runId)).toBe('cancelled');
  });
});

describe('losing a coordinator', () => {
  test('its shards are driven elsewhere within a second, and only its own moved', async () => {
    await open(['a', 'b', 'c']);
    const runId = await runAt('b', 'chain');
    const before = await scene.homes();
    scene.kill('b');
    const tookMs = await scene.until(async () => ![...(await scene.homes()).values()].includes('b'));
    expect(tookMs).toBeLessThan(1_000);
    const home = (await scene.homes()).get(shardOf(runId)) ?? '';
    const drivenMs = await scene.until(async () => {
      const { status } = await scene
        .of(home)
        .api.cancelRun(defaultTenant, runId, 'me')
        .catch(() => ({ status: '' }));
      return status === 'cancelled';
    });
    expect(tookMs + drivenMs).toBeLessThan(1_000);
    for (const [shard, now] of await scene.homes()) if (before.get(shard) !== 'b') expect(now).toBe(before.get(shard));
    await expectTargets(['a', 'c']);
  });

  test('one that is started again under its name goes on with what it had', async () => {
    await open(['a', 'b']);
    const runId = await runAt('b');
    scene.kill('b');
    await scene.start('b');
    await scene.settledAt(['a', 'b']);
    await expectTargets(['a', 'b']);
    const worker = await scene.join('b');
    expect(worker.offers.map((offer) => offer.runId)).toEqual([runId]);
  });

  test('the last one to come after all others died takes over everything', async () => {
    await open(['a', 'b']);
    scene.kill('a');
    scene.kill('b');
    await scene.clock.advance(5_000);
    await scene.start('c');
    expect(await scene.settledAt(['c'])).toBeLessThan(1_000);
  });
});

describe('leaving in order', () => {
  test('leaves no shard without a home for long, and no run is read from a store that is behind', async () => {
    await open(['a', 'b', 'c']);
    const runs = [await runAt('a'), await runAt('a'), await runAt('a')];
    const leaving = scene.of('a').api.stop();
    let freeMs = 0;
    await scene.until(async () => {
      const homes = await scene.homes();
      if (homes.size < 256) freeMs += 10;
      return ![...homes.values()].includes('a') && homes.size === 256;
    }, 3_000);
    await scene.finish(leaving);
    expect(freeMs).toBeLessThan(800);
    await expectTargets(['b', 'c']);
    expect((await scene.stores.members.renew(await memberOf('probe'))).map((row) => row.coordinatorId)).toEqual([
      'b',
      'c',
      'probe',
    ]);
    for (const runId of runs) {
      const home = (await scene.homes()).get(shardOf(runId)) ?? '';
      const view = await scene.finish(scene.of(home).api.cancelRun(defaultTenant, runId, 'me'));
      expect(view.status).toBe('cancelled');
    }
  });

  test('the last of all just goes', async () => {
    await open(['a']);
    await scene.stop('a');
    expect(await scene.homes()).toEqual(new Map());
  });
});

const memberOf = async (coordinatorId: string) => ({
  coordinatorId,
  incarnation: 'probe',
  peerAddress: '',
  workerAddress: '',
  facts: [],
  startedAt: 0,
  leaving: true,
});

describe('a coordinator that is cut off from the store', () => {
  test('says so also while the store does not answer at all', async () => {
    let isSilent = false;
    scene = await createFleetScene({ dags: [dag] });
    const renew = scene.stores.members.renew.bind(scene.stores.members);
    let answer: () => void = () => undefined;
    scene.stores.members.renew = async (row) => {
      if (isSilent) await new Promise<void>((resolve) => (answer = resolve));
      return renew(row);
    };
    await scene.start('a');
    isSilent = true;
    const store = () => scene.of('a').api.readiness().checks['store'];
    await scene.clock.advance(500);
    expect(store()?.ok).toBe(true);
    await scene.clock.advance(1_000);
    expect(store()?.ok).toBe(false);
    expect(store()?.detail).toMatch(/^cannot be asked: no answer for \d+ ms, /);
    isSilent = false;
    answer();
    await scene.settle();
    expect(store()?.ok).toBe(true);
  });

  test('is buried, and gets its share again when it is back', async () => {
    await open(['a', 'b']);
    const runId = await runAt('b');
    scene.of('b').faults.fail = 1;
    const tookMs = await scene.until(async () => (await scene.shares())['a'] === 256);
    expect(tookMs).toBeLessThan(1_000);
    const { status: readiness, checks } = scene.of('b').api.readiness();
    expect([readiness, checks['store']?.ok]).toEqual(['not_ready', false]);
    expect(checks['store']?.detail).toMatch(/^cannot be asked: the store did not answer renew, /);
    expect(scene.of('a').api.readiness().checks['store']?.ok).toBe(true);
    scene.of('b').faults.fail = 0;
    await scene.settledAt(['a', 'b']);
    await expectTargets(['a', 'b']);
    expect(scene.of('b').api.readiness().checks['store']?.ok).toBe(true);
    const { status } = await scene.finish(scene.of('b').api.cancelRun(defaultTenant, runId, 'me'));
    expect(status).toBe('cancelled');
  });

  test('appends nothing while it cannot give a sign of life, though its appends would go through', async () => {
    await open(['a', 'b']);
    const runId = await runAt('b');
    const { stores } = scene;
    const renew = stores.members.renew.bind(stores.members);
    stores.members.renew = (member) =>
      member.coordinatorId === 'b' ? Promise.reject(new Error('no route to the store')) : renew(member);
    await scene.clock.advance(710);
    const before = scene.appends.filter(({ by }) => by === 'b').length;
    void scene
      .of('b')
      .api.cancelRun(defaultTenant, runId, 'me')
      .catch(() => undefined);
    await scene.clock.advance(3_000);
    expect(scene.appends.filter(({ by }) => by === 'b')).toHaveLength(before);
    expect((await scene.homes()).get(shardOf(runId))).toBe('a');
  });

  test('counts its last sign of life from when it was asked for, not from when the answer came', async () => {
    await open(['a', 'b']);
    const runId = await runAt('b');
    const { members } = scene.stores;
    const renew = members.renew.bind(members);
    let askedAt: number | undefined;
    members.renew = async (member) => {
      if (member.coordinatorId !== 'b') return renew(member);
      if (askedAt !== undefined) throw new Error('no route to the store');
      askedAt = scene.clock.monotonicMs();
      const rows = await renew(member);
      await scene.clock.sleep(400);
      return rows;
    };
    await scene.until(() => askedAt !== undefined);
    await scene.clock.advance((askedAt ?? 0) + 705 - scene.clock.monotonicMs());
    const before = scene.appends.length;
    void scene
      .of('b')
      .api.cancelRun(defaultTenant, runId, 'me')
      .catch(() => undefined);
    await scene.clock.advance(2_000);
    expect(scene.appends.slice(before).filter(({ by }) => by === 'b')).toEqual([]);
  });
});

test('a coordinator that was stopped for seconds finds its shards gone, drops their runs and does no harm', async () => {
  await open(['a', 'b']);
  const runId = await runAt('b', 'chain');
  for (let place = 0; place < 5; place += 1) {
    // At another place among its looks each time.
    await scene.clock.advance(200);
    const before = scene.appends.length;
    await scene.freeze('b', 2_000);
    expect(scene.of('b').api.readiness().checks['shards']?.detail).toMatch(/^0 at home here/);
    expect(scene.appends.slice(before).filter(({ by }) => by === 'b')).toEqual([]);
    await scene.settledAt(['a', 'b']);
  }
  await expectTargets(['a', 'b']);
  const worker = await scene.join('b');
  await scene.until(() => worker.offers.length === 1);
  const leasing = appendsOf(runId).filter(({ request }) => request.facts.some(({ type }) => type === 'step_leased'));
  expect(leasing).toHaveLength(1);
});

test('of two that would take the same free shards each gets its own, and no shard has two homes', async () => {
  await open(['a', 'b', 'c']);
  scene.kill('c');
  await scene.settledAt(['a', 'b']);
  const epochs = (await scene.stores.shards.readAll()).map(({ epoch }) => epoch);
  // One change of owner each: nobody took what another had taken.
  expect(Math.max(...epochs)).toBeLessThanOrEqual(4);
  await expectTargets(['a', 'b']);
});

test('a member that comes and goes all the time is given nothing by those who stay', async () => {
  await open(['a', 'b']);
  const before = await scene.stores.shards.readAll();
  for (let round = 0; round < 5; round += 1) {
    await scene.start('c');
    await scene.clock.advance(250);
    scene.kill('c');
    await scene.clock.advance(1_500);
  }
  expect(await scene.stores.shards.readAll()).toEqual(before);
});

test('without members that die nobody is buried, however long it lasts and whatever the wall clock says', async () => {
  await open(['a', 'b', 'c']);
  const before = await scene.stores.shards.readAll();
  for (let hour = 0; hour < 3; hour += 1) {
    scene.of('b').process.jumpWall(3_600_000);
    await scene.clock.advance(20_000);
  }
  expect(await scene.stores.shards.readAll()).toEqual(before);
});
