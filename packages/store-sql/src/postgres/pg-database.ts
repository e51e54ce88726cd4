import type { Clock, Log, Meter } from '@skein/ports';
import { Kysely } from 'kysely';
import type { Queries, Schema } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';
import { AddressMemory } from './address-memory.ts';
import type { CommitLaneDeps } from './commit-lane.ts';
import { PgCommitter } from './committer.ts';
import { createPgDialect } from './dialect.ts';
import { LockStatements } from './lock-statement.ts';
import { migratePostgres } from './migrate.ts';
import { PgConnection } from './pg-connection.ts';
import { PgReaders } from './pg-readers.ts';
import { type PgTarget, StatementNames } from './pg-statement.ts';

/**
 * Units look rows up by their keys, whatever the planner thinks of tables that it has not analysed yet. A process that stands still within a
 * batch loses it, with its locks, before others have waited long.
 */
const commitSettings = [
  'set plan_cache_mode to force_generic_plan',
  'set enable_seqscan to off',
  'set enable_hashjoin to off',
  'set enable_mergejoin to off',
  'set idle_in_transaction_session_timeout to 2000',
].join(';');

/** Where the database is and how it is used. */
export interface PgDatabaseOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`; never logged. */
  readonly url: string;
  /** Holds our tables; `public` when absent. Made when it is not there. */
  readonly schema?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter?: Meter;
  /** Connections that commit; 2 when absent. */
  readonly lanes?: number;
  /** Connections that read; 4 when absent. */
  readonly readers?: number;
  /** How long to wait for a connection, ms; 5,000 when absent. */
  readonly connectMs?: number;
  /** How long to wait for an answer before the connection is given up, ms; 15,000 when absent. */
  readonly tripMs?: number;
  /** How long a statement waits for another transaction, ms; 10,000 when absent. */
  readonly lockMs?: number;
  /** How long a batch whose connection was lost waits for another one, ms; 2,000 when absent. */
  readonly patienceMs?: number;
}

/** An open PostgreSQL database: writes through the committers, reads through the queries. */
export interface PgDatabase {
  readonly committer: Committer;
  /**
   * For signs of life and who is home to what, on connections of their own: they do not wait behind units that wait for a lock, or reads that
   * take long.
   */
  readonly urgent: { readonly committer: Committer; readonly queries: Queries };
  readonly queries: Queries;
  /** The same: PostgreSQL keeps no text that is not UTF-8. */
  readonly lists: Queries;
  /** Where it is, for connections beside those. */
  readonly target: PgTarget;
  /** Settles what was asked before, then refuses more. Idempotent. */
  close(): Promise<void>;
}

/** Brings the schema up to this version and opens it. Throws `unavailable` and what `migratePostgres` says. */
export const createPgDatabase = async (options: PgDatabaseOptions): Promise<PgDatabase> => {
  const { clock, log, meter, patienceMs = 2_000, lanes = 2, readers: readerCount = 4 } = options;
  const target: PgTarget = {
    url: options.url,
    schema: options.schema ?? 'public',
    connectMs: options.connectMs ?? 5_000,
    tripMs: options.tripMs ?? 15_000,
    lockMs: options.lockMs ?? 10_000,
    name: 'skein',
    socket: new AddressMemory().socket,
  };
  await migratePostgres(target, clock.now());
  const names = new StatementNames();
  const readers = new PgReaders(target, names, readerCount);
  const laneDeps: CommitLaneDeps = {
    openConnection: () => PgConnection.open({ ...target, settings: commitSettings }),
    names,
    locks: new LockStatements(target.schema),
    patienceMs,
    monotonicMs: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    repeated: (why) => {
      meter?.count('skein_store_batches_repeated_total', 1, { why });
      if (why === 'lost') log.warn('a connection to PostgreSQL was lost; its batch is sent again');
    },
  };
  const committer = new PgCommitter(laneDeps, lanes);
  const urgent = { committer: new PgCommitter(laneDeps, 1), readers: new PgReaders(target, names, 1) };
  const queries = new Kysely<Schema>({ dialect: createPgDialect(readers) });
  return {
    committer,
    urgent: {
      committer: urgent.committer,
      queries: new Kysely<Schema>({ dialect: createPgDialect(urgent.readers) }),
    },
    queries,
    lists: queries,
    target,
    close: async () => {
      await Promise.all([committer.close(), urgent.committer.close()]);
      await Promise.all([readers.close(), urgent.readers.close()]);
    },
  };
};
