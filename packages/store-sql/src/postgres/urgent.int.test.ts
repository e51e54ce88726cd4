import { defaultTenant } from '@skein/domain';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  creating,
  FakeClock,
  type PostgresDatabase,
  startPostgres,
} from '@skein/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, freshSchema, openStores } from '../../test/postgres-harness.ts';
import { openStoresOn } from '../open-postgres-stores.ts';
import { LockStatements } from './lock-statement.ts';
import { createPgDatabase } from './pg-database.ts';

let database: PostgresDatabase;
const ids = createSequenceIds(84);

beforeAll(async () => {
  database = await startPostgres();
});

afterAll(() => database.stop());

test('while somebody stands still with a lock that appends want, signs of life go through, shards move, and workers find their place', async () => {
  const schema = freshSchema();
  const stores = await openStores({ url: database.url, schema, lanes: 1 });
  const still = await connect(database.url);
  try {
    await still.rows('begin');
    await still.rows(
      `select pg_advisory_xact_lock(${new LockStatements(schema).numberOf(`project/${defaultTenant}`)})`,
    );
    let appended = false;
    const append = stores.runs.append({ ...creating(ids.next('run')), expectsRevision: 0 }).then(() => {
      appended = true;
    });
    const member = {
      coordinatorId: 'a',
      incarnation: 'a1',
      peerAddress: '',
      workerAddress: '',
      facts: [],
      startedAt: 0,
      leaving: false,
    };
    expect(await stores.members.renew(member)).toHaveLength(1);
    expect(await stores.shards.takeOver('a', [{ shard: 7, epoch: 0 }])).toHaveLength(1);
    expect(await stores.places.claim(defaultTenant, 'w', 'a', 's')).toMatchObject({ epoch: 1 });
    expect(appended).toBe(false);
    await still.rows('commit');
    await append;
    expect(appended).toBe(true);
  } finally {
    await still.end();
    await stores.close();
  }
});

test('while reads take long it is still seen who is home to what', async () => {
  const deps = {
    url: database.url,
    schema: freshSchema(),
    clock: new FakeClock(),
    log: createMemoryLog(),
    hasher: createNodeHasher(),
    ids: createSequenceIds(85),
    readers: 1,
  };
  const opened = await createPgDatabase(deps);
  const stores = await openStoresOn(opened, deps);
  try {
    let slept = false;
    const sleeping = sql`select pg_sleep(3)::text`.execute(opened.queries).then(() => {
      slept = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    await stores.shards.readAll();
    await stores.places.read(defaultTenant, 'w');
    expect(slept).toBe(false);
    await sleeping;
  } finally {
    await stores.close();
  }
});
