import { defaultTenant } from '@skein/domain';
import { createSequenceIds, creating, type PostgresDatabase, startPostgres } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, freshSchema, openStores, type Sql } from '../../test/postgres-harness.ts';

let database: PostgresDatabase;
let sql: Sql;
const ids = createSequenceIds(83);

beforeAll(async () => {
  database = await startPostgres();
  sql = await connect(database.url);
});

afterAll(async () => {
  await sql.end();
  await database.stop();
});

test('a schema that would let an agent have two live rollouts is not served', async () => {
  const schema = freshSchema();
  await (await openStores({ url: database.url, schema })).close();
  await (await openStores({ url: database.url, schema })).close();
  await sql.rows(`drop index "${schema}".rollout_live`);
  await sql.rows(`create unique index on "${schema}".rollout (tenant, agent_id) where status in ('active')`);
  await expect(openStores({ url: database.url, schema })).rejects.toMatchObject({
    code: 'internal',
    details: { index: 'rollout_live' },
  });
});

test('two schemas of one database have nothing in common', async () => {
  const [one, other] = await Promise.all([
    openStores({ url: database.url, schema: freshSchema() }),
    openStores({ url: database.url, schema: freshSchema() }),
  ]);
  const run = creating(ids.next('run'));
  expect(await one.runs.append(run)).toEqual({ status: 'appended' });
  expect(await other.runs.readHead(defaultTenant, run.runId)).toBeUndefined();
  await Promise.all([one.close(), other.close()]);
});

test('closed stores settle what was asked before, and refuse the rest', async () => {
  const stores = await openStores({ url: database.url, schema: freshSchema() });
  const before = Array.from({ length: 30 }, () => stores.runs.append(creating(ids.next('run'))));
  const closed = stores.close();
  expect(await Promise.all(before)).toEqual(before.map(() => ({ status: 'appended' })));
  await closed;
  await expect(stores.runs.append(creating(ids.next('run')))).rejects.toMatchObject({ code: 'unavailable' });
  await expect(stores.runs.readHead(defaultTenant, ids.next('run'))).rejects.toMatchObject({ code: 'unavailable' });
});

test('statements that were prepared before another version changed the tables are prepared anew', async () => {
  const schema = freshSchema();
  const stores = await openStores({ url: database.url, schema });
  const run = creating(ids.next('run'));
  await stores.runs.append(run);
  for (let count = 0; count < 20; count += 1) await stores.runs.readHead(defaultTenant, run.runId);
  await sql.rows(`alter table "${schema}".run_head add column later text`);
  for (let count = 0; count < 20; count += 1) {
    expect(await stores.runs.readHead(defaultTenant, run.runId)).toEqual(run.head);
  }
  await stores.close();
});

test('a fact that PostgreSQL cannot hold costs its own append only, and is refused typed', async () => {
  const stores = await openStores({ url: database.url, schema: freshSchema() });
  const good = Array.from({ length: 5 }, () => creating(ids.next('run')));
  const bad = creating(ids.next('run'), { dag: 'a\u0000b' });
  const [refused, ...outcomes] = await Promise.allSettled([bad, ...good].map((request) => stores.runs.append(request)));
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'invalid_argument' } });
  expect(outcomes).toEqual(good.map(() => ({ status: 'fulfilled', value: { status: 'appended' } })));
  await stores.close();
});
