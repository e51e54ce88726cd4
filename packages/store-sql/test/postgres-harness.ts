import { randomBytes } from 'node:crypto';
import {
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  FakeClock,
  type StoreHarness,
  type StoresUnderTest,
} from '@skein/testkit';
import { Client } from 'pg';
import { afterAll } from 'vitest';
import { openPostgresStores, openStoresOn, type PostgresStoresDeps } from '../src/open-postgres-stores.ts';
import type { SqlStores } from '../src/open-sql-stores.ts';
import { createPgDatabase, type PgDatabase } from '../src/postgres/pg-database.ts';

/** A name for a schema that no other test has. */
export const freshSchema = (): string => `test_${randomBytes(6).toString('hex')}`;

/** Statements of the test's own. */
export interface Sql {
  rows<Row extends object>(text: string): Promise<readonly Row[]>;
  end(): Promise<void>;
}

/** A connection of the test's own. */
export const connect = async (url: string): Promise<Sql> => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return {
    rows: async <Row extends object>(text: string) => (await client.query<Row>(text)).rows,
    end: () => client.end(),
  };
};

let opened = 0;

type Given = Pick<PostgresStoresDeps, 'url' | 'schema'> & Partial<PostgresStoresDeps>;

const depsOf = (given: Given): PostgresStoresDeps => {
  opened += 1;
  // Each opening has ids of its own, as each process has.
  const ids = createSequenceIds(1_000 + opened);
  return { clock: new FakeClock(), ids, log: createMemoryLog(), hasher: createNodeHasher(), ...given };
};

/** Opens the stores as another process would. */
export const openStores = (given: Given): Promise<SqlStores> => openPostgresStores(depsOf(given));

/** Removes every row of the schema. */
const empty = async (sql: Sql, schema: string): Promise<void> => {
  const tables = await sql.rows<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = '${schema}' and tablename not like 'kysely%'`,
  );
  await sql.rows(tables.map(({ name }) => `delete from "${schema}"."${name}"`).join(';'));
};

/**
 * A harness over one schema and one open database: each test finds it empty, and has stores of its own. That a database can be closed and
 * opened is for other tests.
 */
export const createPostgresHarness = (url: () => string): Required<StoreHarness> => {
  const clock = new FakeClock();
  const schema = freshSchema();
  let database: PgDatabase | undefined;
  let sql: Sql | undefined;
  let stores: StoresUnderTest | undefined;
  afterAll(async () => {
    await database?.close();
    await sql?.end();
  });
  const openAgain = async (): Promise<StoresUnderTest> => {
    const deps = depsOf({ url: url(), schema, clock });
    database ??= await createPgDatabase(deps);
    stores = await openStoresOn({ ...database, close: async () => {} }, deps);
    return stores;
  };
  const close = async (): Promise<void> => {
    await stores?.close();
    stores = undefined;
  };
  return {
    clock,
    open: async () => {
      await close();
      sql ??= await connect(url());
      await empty(sql, schema);
      return openAgain();
    },
    reopen: async () => {
      await close();
      return openAgain();
    },
    close,
  };
};
