import { PostgresAdapter, type RawBuilder, sql } from 'kysely';
import type { Queries } from './schema.ts';

/** The few words that SQLite and PostgreSQL do not have in common. All else is written once. */
export interface SqlDialect {
  readonly name: 'sqlite' | 'postgres';
  /** A text column as bytes. From SQLite nothing else is safe: its driver ends the process at a text that is no UTF-8. */
  textBytes(column: string): RawBuilder<ArrayBuffer | null>;
  /** The greater of two numbers. */
  greatest(a: RawBuilder<unknown>, b: RawBuilder<unknown>): RawBuilder<number>;
  /** A JSON object of two columns of a query's rows, as a text; `{}` for no rows. */
  objectOf(key: string, value: string): RawBuilder<string>;
  /** The rows of a JSON array of arrays, as something to select from; each column by its place. */
  rowsOf(json: string, columns: readonly (readonly [name: string, type: 'text' | 'bigint'])[]): RawBuilder<unknown>;
}

const columnsOf = (columns: readonly RawBuilder<unknown>[]): RawBuilder<unknown> => sql.join(columns);

const sqlite: SqlDialect = {
  name: 'sqlite',
  textBytes: (column) => sql<ArrayBuffer | null>`cast(${sql.ref(column)} as blob)`,
  greatest: (a, b) => sql<number>`max(${a}, ${b})`,
  objectOf: (key, value) => sql<string>`json_group_object(${sql.ref(key)}, ${sql.ref(value)})`,
  rowsOf: (json, columns) => {
    const picked = columns.map(([name], index) => sql`value ->> ${sql.lit(`$[${index}]`)} as ${sql.ref(name)}`);
    return sql`(select ${columnsOf(picked)} from json_each(${json}))`;
  },
};

const postgres: SqlDialect = {
  name: 'postgres',
  textBytes: (column) => sql<ArrayBuffer | null>`convert_to(${sql.ref(column)}, 'UTF8')`,
  greatest: (a, b) => sql<number>`greatest(${a}, ${b})`,
  objectOf: (key, value) => sql<string>`coalesce(json_object_agg(${sql.ref(key)}, ${sql.ref(value)})::text, '{}')`,
  rowsOf: (json, columns) => {
    const picked = columns.map(
      ([name, type], index) => sql`(entry.value ->> ${sql.lit(index)})::${sql.raw(type)} as ${sql.ref(name)}`,
    );
    return sql`(select ${columnsOf(picked)} from json_array_elements(${json}::json) as entry(value))`;
  },
};

/** Of the database that the queries are for. */
export const dialectOf = (queries: Queries): SqlDialect =>
  queries.getExecutor().adapter instanceof PostgresAdapter ? postgres : sqlite;
