import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { startPostgresServer } from './postgres-server.ts';
import { readTestEnvironment } from './test-environment.ts';

/** @source https://www.postgresql.org/docs/current/errcodes-appendix.html */
const inUse = '55006';
const dropAttempts = 5;

/** An empty database of one's own. */
export interface PostgresDatabase {
  readonly url: string;
  /** Drops the database, whoever is still connected. Idempotent. */
  stop(): Promise<void>;
}

/**
 * A fresh, empty database: on the server that `TEST_POSTGRES_URL` names, else on the one that all tests of this run share and that the
 * first to ask starts, else on one of its own.
 */
export const startPostgres = async (): Promise<PostgresDatabase> => {
  const { postgresUrl, servicesUrl } = readTestEnvironment();
  if (postgresUrl !== undefined) return createDatabase(postgresUrl);
  if (servicesUrl !== undefined) return createDatabase(await askServices(servicesUrl, 'postgres'));
  const server = await startPostgresServer();
  return { url: server.url, stop: () => server.stop() };
};

/** Asks the process that runs all tests; it starts what is asked for the first time. */
const askServices = async (servicesUrl: string, service: string): Promise<string> => {
  const answer = await fetch(`${servicesUrl}/${service}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
};

const createDatabase = async (serverUrl: string): Promise<PostgresDatabase> => {
  const name = `skein_test_${randomBytes(6).toString('hex')}`;
  await execute(serverUrl, `create database ${name} template template0`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  let dropping: Promise<void> | undefined;
  return {
    url: url.href,
    stop: () => {
      dropping ??= dropDatabase(serverUrl, name);
      return dropping;
    },
  };
};

/** The server waits some seconds for the processes of those who are still connected to end, and gives up where they do not get their turn. */
const dropDatabase = async (serverUrl: string, name: string): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await execute(serverUrl, `drop database if exists ${name} with (force)`);
    } catch (error) {
      if ((error as { code?: string }).code !== inUse || attempt === dropAttempts) throw error;
    }
  }
};

const execute = async (url: string, statement: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
};
