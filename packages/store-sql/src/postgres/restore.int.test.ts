import { defaultTenant as tenant } from '@skein/domain';
import { creating, going, note, type PostgresDatabase, sealed, startPostgres } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, openStores, type Sql } from '../../test/postgres-harness.ts';

let database: PostgresDatabase;
let server: Sql;
let copy = '';

beforeAll(async () => {
  database = await startPostgres();
  const other = new URL(database.url);
  copy = `${other.pathname.slice(1)}_copy`;
  other.pathname = '/postgres';
  server = await connect(other.href);
});

afterAll(async () => {
  await server.rows(`drop database if exists "${copy}" with (force)`);
  await server.end();
  await database.stop();
});

test('a copy of the database opens with every run, its outputs, logs and snapshots, and goes on apart from the first', async () => {
  const stores = await openStores({ url: database.url });
  const snapshot = sealed('one', 'two');
  const log = { tenant, runId: 'run_0', step: 's', attempt: 1 };
  const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
  const blob = await stores.blobs.put(tenant, bytes);
  await stores.snapshots.save(tenant, snapshot.digest, snapshot.manifest, snapshot.parts, 1);
  for (let index = 0; index < 20; index += 1) {
    const create = creating(`run_${index}`, { status: 'running', snapshotDigest: snapshot.digest });
    await stores.runs.append({ ...create, pinsSnapshot: snapshot.digest });
    await stores.runs.append(going(create.head, [note(`of ${index}`)]));
  }
  stores.logs.append(log, new TextEncoder().encode('said before'));
  await stores.queue.publish([{ tenant, runId: 'run_0', shard: 0, priority: 0, seq: 2 }]);
  const [home] = await stores.shards.takeOver('c1', [{ shard: 7, epoch: 0 }]);
  await stores.close();

  const name = new URL(database.url).pathname.slice(1);
  await server.rows(`create database "${copy}" template "${name}"`);
  const url = new URL(database.url);
  url.pathname = `/${copy}`;
  const restored = await openStores({ url: url.href });
  const first = await openStores({ url: database.url });
  for (let index = 0; index < 20; index += 1) {
    const runId = `run_${index}`;
    expect((await restored.runs.readHead(tenant, runId))?.seq).toBe(2);
    expect(await restored.runs.readFacts(tenant, runId, 1)).toEqual([note(`of ${index}`)]);
  }
  expect(Buffer.from(await restored.blobs.get(tenant, blob)).equals(bytes)).toBe(true);
  for (const [digest, part] of snapshot.parts) expect(await restored.snapshots.readPart(tenant, digest)).toEqual(part);
  expect(new TextDecoder().decode((await restored.logs.read(log, 0, 99)).bytes)).toBe('said before');
  expect(await restored.queue.claim(9, 1_000)).toMatchObject([{ runId: 'run_0' }]);
  // Whoever restores goes on at higher epochs than before, and what it writes is its own.
  expect(await restored.shards.takeOver('c2', [{ shard: 7, epoch: home?.epoch ?? 0 }])).toMatchObject([{ epoch: 2 }]);
  expect(await restored.runs.append(creating('after'))).toEqual({ status: 'appended' });
  expect(await first.runs.readHead(tenant, 'after')).toBeUndefined();
  for (const one of [restored, first]) await one.close();
});
