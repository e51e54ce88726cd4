import { DomainError } from '@skein/domain';
import { Kysely } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import { requireLiveIndex } from '../rollout/live-index.ts';
import { GroupCommit } from '../thread/group-commit.ts';
import { ReaderThread } from '../thread/reader-thread.ts';
import { SqlThread, type SqlThreadOptions } from '../thread/sql-thread.ts';
import type { Queries, Schema } from './schema.ts';
import { createStoreWatch, type StoreWatch } from './store-watch.ts';
import { createThreadDialect } from './thread-dialect.ts';

const pageBytes = 4_096;

/** An open database: writes through the committer, reads through the queries. */
export interface OpenDatabase {
  readonly committer: GroupCommit;
  readonly queries: Queries;
  /** The same for lists that one damaged row must not hide: its texts come with U+FFFD in them. */
  readonly lists: Queries;
  readonly reader: ReaderThread;
  close(): Promise<void>;
}

/** Opens the file with a writer and a reader thread and brings it up to this version. Throws `unavailable`, `data_corrupt` for what is not ours, and what `requireLiveIndex` says. */
export const openDatabase = async (options: {
  readonly path: string;
  /** ms since the epoch, for rows of an earlier version that have no instant. */
  readonly now: number;
  readonly maxDatabaseBytes?: number;
  /** The file had our tables when it was opened last. */
  readonly expectsTables?: boolean;
  /** How long a statement waits for another connection's lock, ms. */
  readonly busyTimeoutMs?: number;
  readonly watch?: StoreWatch;
}): Promise<OpenDatabase> => {
  const { path, now, maxDatabaseBytes, busyTimeoutMs, watch = createStoreWatch({}) } = options;
  const checkpointFailed = (error: unknown): void => watch.checkpointFailed(error);
  const common = { path, ...(busyTimeoutMs === undefined ? {} : { busyTimeoutMs }) };
  const limit = maxDatabaseBytes === undefined ? {} : { maxPages: Math.ceil(maxDatabaseBytes / pageBytes) };
  const writerOptions: SqlThreadOptions = { ...common, mode: 'writer', onCheckpointFailed: checkpointFailed, ...limit };
  // The reader changes nothing in what it opens, so that a file of somebody else stays as it is.
  const reader = await ReaderThread.open({ ...common, mode: 'reader' });
  let writer: SqlThread | undefined;
  try {
    await refuseForeign(reader, options.expectsTables ?? false);
    writer = await SqlThread.open(writerOptions);
    await migrate(new Kysely<Schema>({ dialect: createThreadDialect(writer) }), now);
    await requireLiveIndex(reader);
  } catch (error) {
    await writer?.terminate();
    await reader.close();
    throw error;
  }
  const committer = new GroupCommit(
    { openThread: () => SqlThread.open(writerOptions), checkpointBeside: () => reader.checkpoint(), checkpointFailed },
    writer,
  );
  return {
    committer,
    reader,
    queries: new Kysely<Schema>({ dialect: createThreadDialect(reader) }),
    lists: new Kysely<Schema>({
      dialect: createThreadDialect({ query: (sql, params) => reader.query(sql, params, 'replace') }),
    }),
    close: async () => {
      await committer.close();
      await reader.close();
    },
  };
};

/** A database of somebody else is not written to, and one that lost its tables does not get new ones. */
const refuseForeign = async (reader: ReaderThread, expectsTables: boolean): Promise<void> => {
  const { rows } = await reader.query("select name from sqlite_master where type = 'table'", []);
  if (rows.some(({ name }) => name === 'kysely_migration') || (rows.length === 0 && !expectsTables)) return;
  throw new DomainError('data_corrupt', 'the file is a database, but not one of Skein');
};
