import { DomainError, defaultTenant as tenant } from '@skein/domain';
import { createMemoryLog, FakeClock, type PostgresDatabase, sealed, startPostgres } from '@skein/testkit';
import { Kysely } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { connect, freshSchema, openStores, type Sql } from '../../test/postgres-harness.ts';
import type { SqlStores } from '../open-sql-stores.ts';
import type { Schema } from '../sql/schema.ts';
import { createPgDialect } from './dialect.ts';
import { PgLogStore } from './pg-log-store.ts';
import type { PgStatement, PgTarget } from './pg-statement.ts';
import type { PgResult } from './pg-trip.ts';
import { SideConnection } from './side-connection.ts';

let database: PostgresDatabase;
const schema = freshSchema();
let sql: Sql;
const clock = new FakeClock();

/** Two coordinators on one schema. */
let both: readonly [SqlStores, SqlStores];

beforeAll(async () => {
  database = await startPostgres();
  sql = await connect(database.url);
  const open = () => openStores({ url: database.url, schema, clock });
  both = [await open(), await open()];
});

afterAll(async () => {
  for (const stores of both) await stores.close();
  await sql.end();
  await database.stop();
});

beforeEach(async () => {
  await sql.rows(
    ['queue_hint', 'log_chunk', 'blob', 'blob_chunk'].map((name) => `delete from "${schema}".${name}`).join(';'),
  );
});

const targetOf = (url: string): PgTarget => ({
  url,
  schema,
  connectMs: 5_000,
  tripMs: 15_000,
  lockMs: 10_000,
  name: 'test',
});

const bytesOf = (text: string) => new TextEncoder().encode(text);

test('of two coordinators that take over the same shards as they saw them, each shard has one winner', async () => {
  for (let epoch = 0; epoch < 5; epoch += 1) {
    const seen = Array.from({ length: 256 }, (_, shard) => ({ shard, epoch }));
    const takes = [...both, ...both].map(({ shards }, index) =>
      // In lots of several sizes and orders, as processes that know different things would.
      Promise.all([
        shards.takeOver(`c${index}`, index % 2 === 0 ? seen.slice(0, 200) : seen.toReversed().slice(0, 200)),
        shards.takeOver(`c${index}`, index % 2 === 0 ? seen.slice(100) : seen.toReversed().slice(100)),
      ]),
    );
    const won = (await Promise.all(takes)).flat(2);
    const owners = new Map(won.map((home) => [home.shard, home.coordinatorId]));
    expect(owners.size).toBe(256);
    for (const { shard, coordinatorId, epoch: at } of won)
      expect([owners.get(shard), at]).toEqual([coordinatorId, epoch + 1]);
    const rows = await both[0].shards.readAll();
    expect(rows.map((row) => row.coordinatorId)).toEqual(rows.map(({ shard }) => owners.get(shard)));
  }
});

test('streams of one worker that end at two coordinators at once have distinct epochs, and the highest has the place', async () => {
  const claims = Array.from({ length: 40 }, (_, index) =>
    both[index % 2 === 0 ? 0 : 1].places.claim(tenant, 'w1', `c${index % 2}`, `s${index}`),
  );
  const taken = await Promise.all(claims);
  expect(taken.map(({ epoch }) => epoch).toSorted((a, b) => a - b)).toEqual(taken.map((_, index) => index + 1));
  const last = taken.find(({ epoch }) => epoch === 40);
  for (const { places } of both) expect(await places.read(tenant, 'w1')).toEqual(last);
});

test('a token is used no more often than it may be, wherever it is used', async () => {
  const scope = { maxUses: 11, uses: 0 };
  await both[0].tokens.insert({ tokenId: 't', tenant, kind: 'join', name: 'n', hash: 'h', createdAt: 1, scope });
  const uses = await Promise.all(
    Array.from({ length: 40 }, (_, index) => both[index % 2 === 0 ? 0 : 1].tokens.countUse(tenant, 't')),
  );
  expect(uses.filter(Boolean)).toHaveLength(11);
  expect((await both[1].tokens.findByHash('h'))?.scope?.uses).toBe(11);
});

test('hints are handed out once, whoever asks, and those who wait elsewhere are woken', async () => {
  const [ours, theirs] = both;
  let woken = 0;
  theirs.queue.onAvailable(() => {
    woken += 1;
  });
  // It listens from now on: the wake of its own beginning is not the one that is meant.
  await vi.waitFor(() => expect(woken).toBeGreaterThan(0), 10_000);
  woken = 0;
  const hints = Array.from({ length: 300 }, (_, index) => ({
    tenant,
    runId: `r${index}`,
    shard: 0,
    priority: 0,
    seq: 1,
  }));
  await Promise.all([ours.queue.publish(hints), theirs.queue.publish(hints.toReversed()), ours.queue.publish(hints)]);
  expect(await theirs.queue.size()).toBe(300);
  const claims = await Promise.all(
    Array.from({ length: 20 }, (_, index) => both[index % 2 === 0 ? 0 : 1].queue.claim(20, 60_000)),
  );
  const claimed = claims.flat();
  expect(claimed).toHaveLength(300);
  expect(new Set(claimed.map(({ runId }) => runId)).size).toBe(300);
  woken = 0;
  await ours.queue.publish([{ tenant, runId: 'next', shard: 0, priority: 0, seq: 1 }]);
  await vi.waitFor(() => expect(woken).toBeGreaterThan(0), 10_000);
});

test('what a process had claimed when it died is handed out again after its time, not before', async () => {
  const [ours, theirs] = both;
  await ours.queue.publish([{ tenant, runId: 'r', shard: 0, priority: 0, seq: 1 }]);
  expect(await ours.queue.claim(9, 5_000)).toHaveLength(1);
  theirs.queue.onAvailable(() => {});
  const look = async (times: number): Promise<void> => {
    for (let at = 0; at < times; at += 1) {
      await clock.advance(1_000);
      // A look is over when the next one is under way: the answers come in order.
      await theirs.queue.size();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await look(4);
  expect(await theirs.queue.claim(9, 5_000)).toEqual([]);
  await look(3);
  expect(await theirs.queue.claim(9, 5_000)).toMatchObject([{ runId: 'r' }]);
});

test('a snapshot that one coordinator saves while another collects is whole, or not there', async () => {
  const [ours, theirs] = both;
  const pool = [sealed('a', 'b'), sealed('b', 'c'), sealed('a', 'c')];
  let going = true;
  const collecting = (async () => {
    while (going) await theirs.snapshots.collect(Number.MAX_SAFE_INTEGER, 10);
  })();
  for (let round = 0; round < 25; round += 1) {
    await Promise.all(
      pool.map(async ({ digest, manifest, parts }) => {
        await ours.snapshots.save(tenant, digest, manifest, parts, 1);
        for (const part of parts.keys()) {
          if ((await ours.snapshots.readPart(tenant, part)) !== undefined) continue;
          // Bytes go after the rows that list them.
          expect(await ours.snapshots.find(tenant, digest), `round ${round}`).toBeUndefined();
        }
      }),
    );
  }
  going = false;
  await collecting;
  for (const { digest, manifest, parts } of pool) {
    await ours.snapshots.save(tenant, digest, manifest, parts, 1);
    for (const part of parts.keys()) expect(await theirs.snapshots.readPart(tenant, part)).toEqual(parts.get(part));
  }
  await theirs.snapshots.collect(Number.MAX_SAFE_INTEGER, 10);
  const left = await sql.rows<{ count: string }>(
    `select (select count(*) from "${schema}".blob) + (select count(*) from "${schema}".blob_chunk) as count`,
  );
  expect(Number(left[0]?.count)).toBe(0);
});

test('two coordinators that append to one log lose no byte of one another', async () => {
  const key = { tenant, runId: 'r', step: 's', attempt: 1 };
  for (let index = 0; index < 30; index += 1) {
    for (const [who, { logs }] of both.entries()) logs.append(key, bytesOf(`[${who}.${index}]`));
    if (index % 5 === 0) await Promise.all(both.map(({ logs }) => logs.flush()));
  }
  await Promise.all(both.map(({ logs }) => logs.flush()));
  const text = new TextDecoder().decode((await both[0].logs.read(key, 0, 1_000_000)).bytes);
  for (const who of [0, 1]) {
    const own = [...text.matchAll(new RegExp(`\\[${who}\\.(\\d+)\\]`, 'g'))].map(([, index]) => Number(index));
    expect(own).toEqual(Array.from({ length: 30 }, (_, index) => index));
  }
  expect(text).toHaveLength(
    Array.from({ length: 30 }, (_, index) => `[0.${index}]`.length * 2).reduce((a, b) => a + b),
  );
});

test('log lines whose answer was lost are there once, whether they had been written or not', async () => {
  const behind = new SideConnection(targetOf(database.url));
  let mood: 'well' | 'twice' | 'late' | 'early' = 'well';
  const trip = async (statements: readonly PgStatement[]): Promise<readonly PgResult[]> => {
    const now = statements.some(({ name }) => name === 'l-append') ? mood : 'well';
    if (now !== 'well') mood = 'well';
    if (now === 'early') throw new DomainError('unavailable', 'lost before');
    const results = await behind.trip(statements);
    // As a connection does that was lost with the answer: it sends the same again.
    if (now === 'twice') return behind.trip(statements);
    if (now === 'late') throw new DomainError('unavailable', 'lost behind');
    return results;
  };
  const queries = new Kysely<Schema>({
    dialect: createPgDialect({
      query: async (text, params) => ({ rows: (await behind.query({ sql: text, params, rows: true })).rows }),
    }),
  });
  const query = async (statement: PgStatement) => (await trip([statement]))[0] as PgResult;
  const logs = new PgLogStore({ queries, connection: { trip, query }, log: createMemoryLog() });
  const key = { tenant, runId: 'r', step: 's', attempt: 1 };
  let text = '';
  for (let index = 0; index < 20; index += 1) {
    mood = (['twice', 'late', 'early', 'well'] as const)[index % 4] ?? 'well';
    const line = `line ${index};`;
    logs.append(key, bytesOf(line));
    text += line;
    if (index % 3 === 0) await logs.flush();
  }
  expect(new TextDecoder().decode((await logs.read(key, 0, 10_000)).bytes)).toBe(text);
  await logs.close();
  await behind.close();
});

test('a blob whose bytes are damaged or lost is not handed out, and the next put of its bytes repairs it', async () => {
  const bytes = new Uint8Array(600_000).map((_, index) => index % 251);
  const digest = await both[0].blobs.put(tenant, bytes);
  for (const harm of [
    `update "${schema}".blob_chunk set bytes = set_byte(bytes, 5, 255) where seq = 1`,
    `delete from "${schema}".blob_chunk where seq = 2`,
  ]) {
    await sql.rows(harm);
    await expect(both[1].blobs.get(tenant, digest)).rejects.toMatchObject({ code: 'digest_mismatch' });
    expect(await both[1].blobs.put(tenant, bytes)).toBe(digest);
    expect(Buffer.from(await both[0].blobs.get(tenant, digest)).equals(bytes)).toBe(true);
  }
});

test('connections that break are opened again: logs, blobs and the queue go on, and no log line is written twice', async () => {
  const [{ logs, blobs, queue }] = both;
  const key = { tenant, runId: 'r', step: 's', attempt: 1 };
  const breakAll = () =>
    sql.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
    );
  let text = '';
  for (let round = 0; round < 4; round += 1) {
    for (let index = 0; index < 20; index += 1) {
      const line = `${round}.${index};`;
      logs.append(key, bytesOf(line));
      text += line;
      if (index === 10) await breakAll();
    }
    const digest = await blobs.put(tenant, bytesOf(`blob ${round}`));
    expect(await blobs.get(tenant, digest)).toEqual(bytesOf(`blob ${round}`));
    await queue.publish([{ tenant, runId: `r${round}`, shard: 0, priority: 0, seq: 1 }]);
    const claimed = await queue.claim(9, 60_000);
    expect(claimed.map(({ runId }) => runId)).toEqual([`r${round}`]);
    await queue.done(claimed.map(({ claim }) => claim));
  }
  await logs.flush();
  expect(new TextDecoder().decode((await logs.read(key, 0, 1_000_000)).bytes)).toBe(text);
});
