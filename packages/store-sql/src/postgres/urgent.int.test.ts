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

/** Of a lock that nobody else takes. */
const lockNumber = 840_840;

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
    tripMs: 120_000,
  };
  const opened = await createPgDatabase(deps);
  const stores = await openStoresOn(opened, deps);
  const still = await connect(database.url);
  try {
    await still.rows(`select pg_advisory_lock(${lockNumber})`);
    let ended = false;
    // It waits for the lock for as long as that takes.
    const reading = sql`select case when set_config('lock_timeout', '0', true) = '0'
      then pg_advisory_xact_lock(${sql.lit(lockNumber)})::text end`
      .execute(opened.queries)
      .finally(() => {
        ended = true;
      });
    await expect
      .poll(() => still.rows(`select 1 from pg_locks where objid = ${lockNumber} and not granted`), { timeout: 60_000 })
      .toHaveLength(1);
    await stores.shards.readAll();
    await stores.places.read(defaultTenant, 'w');
    expect(ended).toBe(false);
    await still.rows(`select pg_advisory_unlock(${lockNumber})`);
    await reading;
  } finally {
    await still.end();
    await stores.close();
  }
});
