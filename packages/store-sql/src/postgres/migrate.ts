import { Kysely } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import type { Schema } from '../sql/schema.ts';
import { createPgDialect } from './dialect.ts';
import { ConnectionLost, lostError, postgresError } from './errors.ts';
import { requireLiveIndex } from './live-index.ts';
import { LockStatements } from './lock-statement.ts';
import { PgConnection, quoted } from './pg-connection.ts';
import type { PgTarget } from './pg-statement.ts';

/** How long a process waits for others that migrate, ms. */
const migrationMs = 300_000;

/**
 * Brings the schema up to this version, at `now` in ms; made when absent. Any number of processes may ask at once: one works, the others
 * wait for it. Throws `unavailable`, and what `requireLiveIndex` says.
 */
export const migratePostgres = async (target: PgTarget, now: number): Promise<void> => {
  const connection = await PgConnection.open({ ...target, lockMs: migrationMs, tripMs: migrationMs });
  const query = async (sql: string, params: readonly (string | number | null | Uint8Array)[]) => {
    try {
      const { rows, count } = await connection.query({ sql, params });
      return { rows, changes: count };
    } catch (error) {
      throw error instanceof ConnectionLost ? lostError(error) : postgresError(error);
    }
  };
  try {
    // Of the session, so that it also covers what the migrator does before its transaction. It ends with the connection.
    await query('select pg_advisory_lock($1::bigint)::text', [
      String(new LockStatements(target.schema).numberOf('migrations')),
    ]);
    // Asked first: to create a schema "if it does not exist" needs a right that a user of an existing one may lack.
    const { rows } = await query('select nspname from pg_catalog.pg_namespace where nspname = $1', [target.schema]);
    if (rows.length === 0) await query(`create schema ${quoted(target.schema)}`, []);
    const database = new Kysely<Schema>({ dialect: createPgDialect({ query }, 'transactions') });
    await migrate(database, now, target.schema);
    await requireLiveIndex({ query }, target.schema);
  } finally {
    await connection.close();
  }
};
