import { defaultTenant } from '@skein/domain';
import type { ShardHome, ShardStore } from '@skein/ports';
import { createScene, dagOf, FakeClock, MemoryShardStore, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { ShardWatch } from './shard-watch.ts';

const dag = dagOf([stepOf('a', { action: { kind: 'shell', commands: ['true'] } })], { name: 'one' });

/** Shards that another coordinator may take and give back behind this one's back. */
const createHomes = (): { epoch: number; isOurs: boolean; fails: boolean; readonly shards: ShardStore } => {
  const homes = {
    epoch: 1,
    isOurs: true,
    fails: false,
    shards: {
      claim: async (coordinatorId: string, wanted: readonly number[]): Promise<readonly ShardHome[]> => {
        if (homes.fails) throw new Error('nobody answers');
        return homes.isOurs ? wanted.map((shard) => ({ shard, coordinatorId, epoch: homes.epoch })) : [];
      },
      read: async () => [],
      release: async () => undefined,
      takeOver: async () => [],
      readAll: async () => [],
    },
  };
  return homes;
};

describe('a coordinator that is home to no run', () => {
  test('takes no worker and no run, and makes no id for it', async () => {
    const homes = createHomes();
    homes.isOurs = false;
    const scene = await createScene({ dags: [dag], deps: { shards: homes.shards } });
    const worker = await scene.join();
    expect(worker.of('refused')).toMatchObject([{ error: { code: 'unavailable' } }]);
    expect(worker.closed).toBe(true);
    await expect(scene.coordinator.submitRun(defaultTenant, { dag: 'one' })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(scene.ids.next('run')).toMatch(/^run_00000000-0/);
    await scene.close();
  });

  test('sends its workers away when it loses its home, and takes them again when it is home again', async () => {
    const homes = createHomes();
    const scene = await createScene({ dags: [dag], deps: { shards: homes.shards } });
    const worker = await scene.join();
    expect(worker.closed).toBe(false);
    homes.isOurs = false;
    await scene.clock.advance(4_000);
    expect(worker.of('refused')).toMatchObject([{ error: { code: 'unavailable' } }]);
    expect(worker.closed).toBe(true);
    homes.isOurs = true;
    homes.epoch += 2;
    await scene.clock.advance(4_000);
    expect((await scene.join()).of('welcome')).toHaveLength(1);
    await scene.close();
  });
});

test('a coordinator whose shards are at another epoch reads its runs again before it takes a worker', async () => {
  const homes = createHomes();
  const scene = await createScene({ dags: [dag], deps: { shards: homes.shards } });
  const runId = await scene.submit('one');
  let reads = 0;
  const { runs } = scene.stores;
  const readFacts = runs.readFacts.bind(runs);
  runs.readFacts = (...args) => {
    if (args[1] === runId) reads += 1;
    return readFacts(...args);
  };
  await scene.clock.advance(8_000);
  expect(reads).toBe(0);
  homes.epoch += 2;
  await scene.clock.advance(4_000);
  expect(reads).toBeGreaterThan(0);
  const worker = await scene.join();
  expect(worker.offers).toHaveLength(1);
  await scene.close();
});

test('a coordinator that could not renew its shards in time appends nothing until it could', async () => {
  const homes = createHomes();
  const scene = await createScene({ dags: [dag], deps: { shards: homes.shards } });
  const runId = await scene.submit('one');
  homes.fails = true;
  await scene.clock.advance(15_000);
  const before = scene.appends.length;
  const cancelled = scene.coordinator.cancelRun(defaultTenant, runId, 'me');
  await scene.clock.advance(2_000);
  expect(scene.appends.length).toBe(before);
  homes.fails = false;
  await scene.clock.advance(4_000);
  expect((await cancelled).status).toBe('cancelled');
  await scene.close();
});

test('shards of another are taken when they gave no sign of life for a lease, by the own clock, and not before', async () => {
  const clock = new FakeClock();
  const shards = new MemoryShardStore();
  const watchOf = (coordinatorId: string): ShardWatch =>
    new ShardWatch({ clock, shards }, { coordinatorId, shardLeaseMs: 5_000 });
  const [a, b] = [watchOf('a'), watchOf('b')];
  expect(await a.claim([1, 2])).toHaveLength(2);
  expect(await b.claim([1, 2])).toEqual([]);
  for (let beat = 0; beat < 4; beat += 1) {
    await clock.advance(4_000);
    clock.jumpWall(3_600_000);
    expect(await a.claim([1, 2])).toHaveLength(2);
    expect(await b.claim([1, 2])).toEqual([]);
  }
  await clock.advance(4_999);
  expect(await b.claim([1, 2])).toEqual([]);
  await clock.advance(1);
  expect(await b.claim([1, 2])).toHaveLength(2);
  expect(await a.claim([1, 2])).toEqual([]);
});
