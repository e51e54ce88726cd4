import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { SqlRow, SqlValue } from '../thread/sql-thread-messages.ts';

/** Where statements run. */
export interface SqlRunner {
  query(sql: string, params: readonly SqlValue[]): Promise<{ rows: SqlRow[]; changes?: number }>;
}

/** SQLite has transactional DDL; one migration is one transaction. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Kysely over a database thread: reads, and migrations. Durable writes go through the group commit instead. */
export const createThreadDialect = (runner: SqlRunner): Dialect => ({
  createAdapter: () => new TransactionalSqliteAdapter(),
  createDriver: () => createDriver(runner),
  createIntrospector: (database: Kysely<unknown>) => new SqliteIntrospector(database),
  createQueryCompiler: () => new SqliteQueryCompiler(),
});

const createDriver = (runner: SqlRunner): Driver => {
  const connection: DatabaseConnection = {
    executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
      const { rows, changes } = await runner.query(sql, parameters as readonly SqlValue[]);
      const result = { rows: rows as R[] };
      return changes === undefined ? result : { ...result, numAffectedRows: BigInt(changes) };
    },
    streamQuery: () => {
      throw new Error('results are not streamed');
    },
  };
  const run = async (sql: string): Promise<void> => {
    await runner.query(sql, []);
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: () => run('BEGIN IMMEDIATE'),
    commitTransaction: () => run('COMMIT'),
    rollbackTransaction: () => run('ROLLBACK'),
    releaseConnection: async () => {},
    destroy: async () => {},
  };
};
