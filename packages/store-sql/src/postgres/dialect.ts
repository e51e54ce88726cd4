import {
  type ColumnDefinitionNode,
  type CompiledQuery,
  type CreateTableNode,
  type DatabaseConnection,
  type DataTypeNode,
  type Dialect,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { SqlRunner } from '../sql/thread-dialect.ts';
import type { SqlValue } from '../thread/sql-thread-messages.ts';

/**
 * Migrations are written once, in the words of SQLite: `blob` is `bytea` here, tables have no `without rowid`, and texts are compared by their
 * bytes whatever the locale of the database is.
 */
class PgCompiler extends PostgresQueryCompiler {
  #inColumn = false;

  protected override visitCreateTable(node: CreateTableNode): void {
    const { endModifiers: _, ...rest } = node;
    super.visitCreateTable(rest);
  }

  protected override visitColumnDefinition(node: ColumnDefinitionNode): void {
    this.#inColumn = true;
    super.visitColumnDefinition(node);
    this.#inColumn = false;
  }

  protected override visitDataType(node: DataTypeNode): void {
    if (node.dataType === 'blob') this.append('bytea');
    else if (this.#inColumn && node.dataType === 'text') this.append('text collate "C"');
    else super.visitDataType(node);
  }
}

/** Kysely over connections of ours. With `transactions` the runner is one connection, for migrations; else it only reads. */
export const createPgDialect = (runner: SqlRunner, transactions?: 'transactions'): Dialect => ({
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => createDriver(runner, transactions !== undefined),
  createIntrospector: (database: Kysely<unknown>) => new PostgresIntrospector(database),
  createQueryCompiler: () => new PgCompiler(),
});

const createDriver = (runner: SqlRunner, transactions: boolean): Driver => {
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
    if (!transactions) throw new Error('writes go through the committer');
    await runner.query(sql, []);
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: () => run('begin'),
    commitTransaction: () => run('commit'),
    rollbackTransaction: () => run('rollback'),
    releaseConnection: async () => {},
    destroy: async () => {},
  };
};
