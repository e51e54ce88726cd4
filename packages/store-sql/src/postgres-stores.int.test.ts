import { describeStores, type PostgresDatabase, startPostgres } from '@skein/testkit';
import { afterAll, beforeAll } from 'vitest';
import { createPostgresHarness } from '../test/postgres-harness.ts';

let database: PostgresDatabase;

beforeAll(async () => {
  database = await startPostgres();
});

afterAll(() => database.stop());

describeStores('PostgreSQL', () => createPostgresHarness(() => database.url));
