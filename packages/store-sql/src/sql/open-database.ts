import { Kysely } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import { GroupCommit } from '../thread/group-commit.ts';
import { ReaderThread } from '../thread/reader-thread.ts';
import { SqlThread, type SqlThreadOptions } from '../thread/sql-thread.ts';
import type { Queries, Schema } from './schema.ts';
import { createThreadDialect } from './thread-dialect.ts';

const pageBytes = 4_096;

/** An open database: writes through the committer, reads through the queries. */
export interface OpenDatabase {
  readonly committer: GroupCommit;
  readonly queries: Queries;
  readonly reader: ReaderThread;
  close(): Promise<void>;
}

/** Opens the file with a writer and a reader thread and brings it up to this version. Throws `unavailable`. */
export const openDatabase = async (options: {
  readonly path: string;
  /** ms since the epoch, for rows of an earlier version that have no instant. */
  readonly now: number;
  readonly maxDatabaseBytes?: number;
}): Promise<OpenDatabase> => {
  const { path, now, maxDatabaseBytes } = options;
  const limit = maxDatabaseBytes === undefined ? {} : { maxPages: Math.ceil(maxDatabaseBytes / pageBytes) };
  const writerOptions: SqlThreadOptions = { path, mode: 'writer', ...limit };
  const writer = await SqlThread.open(writerOptions);
  let reader: ReaderThread;
  try {
    await migrate(new Kysely<Schema>({ dialect: createThreadDialect(writer) }), now);
    reader = await ReaderThread.open({ path, mode: 'reader' });
  } catch (error) {
    await writer.terminate();
    throw error;
  }
  const committer = new GroupCommit(
    { openThread: () => SqlThread.open(writerOptions), checkpointBeside: () => reader.checkpoint() },
    writer,
  );
  return {
    committer,
    reader,
    queries: new Kysely<Schema>({ dialect: createThreadDialect(reader) }),
    close: async () => {
      await committer.close();
      await reader.close();
    },
  };
};
