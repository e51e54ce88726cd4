import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMemoryLog,
  createNodeHasher,
  createSeededRandom,
  createSequenceIds,
  creating,
  FakeClock,
} from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { openSqlStores } from '../open-sql-stores.ts';

const every = Array.from({ length: 256 }, (_, shard) => shard);

const setUp = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-next-queued-'));
  const ids = createSequenceIds();
  const parts = { clock: new FakeClock(), log: createMemoryLog(), ids, hasher: createNodeHasher() };
  const stores = await openSqlStores({ dataDir, ...parts });
  onTestFinished(async () => {
    await stores.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return { stores, ids };
};

test('the next runs of all shards are those of the shards together, whatever waits', async () => {
  const { stores, ids } = await setUp();
  const random = createSeededRandom('next queued');
  await Promise.all(
    Array.from({ length: 300 }, (_, index) =>
      stores.runs.append(
        creating(ids.next('run'), {
          tenant: `t${random.integer(3)}`,
          dag: `d${random.integer(4)}`,
          priority: random.integer(3) - 1,
          createdAt: random.integer(50),
          shard: index % 256,
          status: random.integer(4) === 0 ? 'running' : 'queued',
        }),
      ),
    ),
  );
  for (const limit of [1, 3, 17, 64, 1_000]) {
    const all = await stores.runs.nextQueued(every, limit);
    // Shards that do not exist make it look at each row.
    const checked = await stores.runs.nextQueued([...every, 256], limit);
    expect(all).toEqual(checked);
    expect(all.length).toBeGreaterThan(0);
  }
});

test('of an empty queue nothing is next', async () => {
  const { stores } = await setUp();
  expect(await stores.runs.nextQueued(every, 10)).toEqual([]);
});
