import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultTenant } from '@skein/domain';
import { createSequenceIds, creating, type PostgresServer, startPostgresServer } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, freshSchema, openStores, type Sql } from '../../test/postgres-harness.ts';
import { PgReaders } from './pg-readers.ts';
import { StatementNames } from './pg-statement.ts';

let server: PostgresServer;
const ids = createSequenceIds(83);

beforeAll(async () => {
  server = await startPostgresServer({ maxConnections: 20 });
});

afterAll(() => server.stop());

test('a connection that was opened to a server that only reads is left for one that writes, as soon as there is one', async () => {
  const stores = await openStores({ url: server.url, schema: freshSchema(), lanes: 1 });
  const sql = await connect(server.url);
  try {
    await stores.runs.append(creating(ids.next('run')));
    // Only of connections that are opened from now on: the address leads to a standby.
    await sql.rows('alter database postgres set default_transaction_read_only = on');
    await sql.rows(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'skein'`);
    await expect(stores.runs.append(creating(ids.next('run')))).rejects.toMatchObject({
      code: 'unavailable',
      details: { reason: 'read_only' },
    });
    await sql.rows('set default_transaction_read_only = off');
    await sql.rows('alter database postgres reset default_transaction_read_only');
    expect(await stores.runs.append(creating(ids.next('run')))).toEqual({ status: 'appended' });
  } finally {
    await sql.end();
    await stores.close();
  }
});

test('while the server has no connection left, reads wait for those that there are', async () => {
  const target = { url: server.url, schema: 'public', connectMs: 5_000, tripMs: 5_000, lockMs: 5_000, name: 'reader' };
  const readers = new PgReaders(target, new StatementNames(), 4);
  const others: Sql[] = [];
  try {
    await readers.query('select 1 as one', []);
    for (let refused = false; !refused; ) {
      await connect(server.url).then(
        (sql) => others.push(sql),
        () => {
          refused = true;
        },
      );
    }
    const slow = readers.query('select pg_sleep(0.2)::text as slept', []);
    await new Promise((resolve) => setImmediate(resolve));
    const reads = [slow, readers.query('select 1 as one', []), readers.query('select 1 as one', [])];
    expect((await Promise.all(reads)).map(({ rows }) => rows.length)).toEqual(reads.map(() => 1));
  } finally {
    await Promise.all(others.map((sql) => sql.end()));
    await readers.close();
  }
});

test('a standby is not read from: what it says may be old', async () => {
  const schema = freshSchema();
  const stores = await openStores({ url: server.url, schema, lanes: 1 });
  const sql = await connect(server.url);
  const [place] = await sql.rows<{ data_directory: string }>('show data_directory');
  await sql.end();
  const signal = join(place?.data_directory ?? '', 'standby.signal');
  const refused = { code: 'unavailable', details: { reason: 'read_only' } };
  try {
    const run = creating(ids.next('run'));
    await stores.runs.append(run);
    await server.kill();
    await writeFile(signal, '');
    await server.start();
    await expect(stores.runs.readFacts(defaultTenant, run.runId, 0)).rejects.toMatchObject(refused);
    await expect(stores.runs.append(creating(ids.next('run')))).rejects.toMatchObject(refused);
    await expect(openStores({ url: server.url, schema })).rejects.toMatchObject(refused);
    await server.kill();
    await rm(signal);
    await server.start();
    expect(await stores.runs.readFacts(defaultTenant, run.runId, 0)).toEqual(run.facts);
  } finally {
    await stores.close();
  }
});
