import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresStores, openSqlStores } from '@skein/store-sql';
import { createHasher, createIdSource } from '@skein/telemetry';
import type { PostgresDatabase, WorldGround } from '@skein/testkit';
import { createMemoryLog, groundOn, startPostgres } from '@skein/testkit';
import { Client } from 'pg';

/** Where the state of a simulated world is kept. */
export type StoreKind = 'memory' | 'libsql' | 'postgres';

export const isStoreKind = (text: string): text is StoreKind => ['memory', 'libsql', 'postgres'].includes(text);

/** How calls reach the stores: see `groundOn`. */
interface GroundOptions {
  readonly inTurn: boolean;
}

/** One server for all worlds of this process; it goes with it. */
let server: Promise<PostgresDatabase> | undefined;

const drop = async (url: string, schema: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`drop schema if exists "${schema}" cascade`);
  } finally {
    await client.end();
  }
};

type Play<T> = (ground: { readonly ground?: WorldGround }) => Promise<T>;

const onPostgres = async <T>(options: GroundOptions, play: Play<T>): Promise<T> => {
  server ??= startPostgres();
  const { url } = await server;
  const schema = `sim_${randomBytes(6).toString('hex')}`;
  let close: (() => Promise<void>) | undefined;
  try {
    const ground = await groundOn(async (clock) => {
      const deps = { clock, log: createMemoryLog(), ids: createIdSource(), hasher: createHasher() };
      const stores = await openPostgresStores({ url, schema, ...deps });
      close = () => stores.close();
      return stores;
    }, options);
    return await play({ ground });
  } finally {
    await close?.();
    await drop(url, schema);
  }
};

const onLibsql = async <T>(options: GroundOptions, play: Play<T>): Promise<T> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-sim-'));
  let close: (() => Promise<void>) | undefined;
  try {
    const ground = await groundOn(async (clock) => {
      const deps = { clock, log: createMemoryLog(), ids: createIdSource(), hasher: createHasher() };
      const stores = await openSqlStores({ dataDir, ...deps });
      close = () => stores.close();
      return stores;
    }, options);
    return await play({ ground });
  } finally {
    await close?.();
    await rm(dataDir, { recursive: true, force: true });
  }
};

/** Plays a world on stores of this kind, which nobody else has and which are gone afterwards. */
export const withGround = <T>(kind: StoreKind, options: GroundOptions, play: Play<T>): Promise<T> => {
  if (kind === 'memory') return play({});
  return kind === 'postgres' ? onPostgres(options, play) : onLibsql(options, play);
};

/** Ends the server, when there is one. */
export const endGrounds = async (): Promise<void> => {
  await (await server)?.stop();
  server = undefined;
};
