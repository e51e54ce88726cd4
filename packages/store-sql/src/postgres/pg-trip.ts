import { types } from 'pg';
import type { SqlRow, SqlValue } from '../thread/sql-thread-messages.ts';
import type { PgStatement } from './pg-statement.ts';

/** What a statement gave: its rows, when they were asked for, and how many it found or changed. */
export interface PgResult {
  readonly rows: SqlRow[];
  readonly count: number;
}

/** What of the driver's connection we write to. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  parse(message: { readonly text: string; readonly name: string }): void;
  bind(message: {
    readonly statement: string;
    readonly values: readonly SqlValue[];
    readonly valueMapper: (value: SqlValue) => string | Buffer | null;
  }): void;
  describe(message: { readonly type: 'P'; readonly name: string }): void;
  execute(message?: undefined): void;
  close(message: { readonly type: 'S'; readonly name: string }): void;
  sync(): void;
}

interface Field {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** Which named statements a connection has: `unsure` when an error left open whether one came to be. */
export type Prepared = Map<string, 'ready' | 'unsure'>;

/** Numbers come as JavaScript numbers, booleans as 0 and 1, bytes as Buffer, all else as text: what SQLite gives too. */
const parsers = new Map<number, (text: string) => unknown>([
  [16, (text) => (text === 't' ? 1 : 0)],
  [17, types.getTypeParser(17)],
  ...[20, 21, 23, 26, 700, 701, 1700].map((oid) => [oid, Number] as const),
]);

const asText = (text: string): string => text;

/** Never throws: what was begun to be sent must be sent whole. */
const wireValue = (value: SqlValue): string | Buffer | null => {
  if (value === null || typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : String(value);
};

/**
 * Statements that go to the server together, with one barrier at their end: it answers all at once, and after an error it skips the rest.
 * The driver calls the `handle…` methods.
 */
export class PgTrip {
  readonly #statements: readonly PgStatement[];
  readonly #prepared: Prepared;
  readonly #done: (error: Error | undefined, results: readonly PgResult[]) => void;
  readonly #results: PgResult[] = [];
  /** Names that this trip brings. */
  readonly #named: { readonly name: string; readonly index: number }[] = [];
  #fields: readonly Field[] | undefined;
  #rows: SqlRow[] = [];
  #settled = false;

  constructor(
    statements: readonly PgStatement[],
    prepared: Prepared,
    done: (error: Error | undefined, results: readonly PgResult[]) => void,
  ) {
    this.#statements = statements;
    this.#prepared = prepared;
    this.#done = done;
  }

  submit(wire: Wire): null {
    wire.stream.cork();
    for (const [index, { sql, params, name = '', rows = true }] of this.#statements.entries()) {
      this.#parse(wire, index, name, sql);
      wire.bind({ statement: name, values: params, valueMapper: wireValue });
      if (rows) wire.describe({ type: 'P', name: '' });
      wire.execute();
    }
    wire.sync();
    wire.stream.uncork();
    return null;
  }

  handleRowDescription({
    fields,
  }: {
    readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  }): void {
    this.#fields = fields.map(({ name, dataTypeID }) => ({ name, parse: parsers.get(dataTypeID) ?? asText }));
  }

  handleDataRow({ fields: values }: { readonly fields: readonly (string | null)[] }): void {
    if (this.#fields === undefined) return;
    const row: Record<string, unknown> = {};
    for (const [index, { name, parse }] of this.#fields.entries()) {
      const value = values[index];
      row[name] = value === null || value === undefined ? null : parse(value);
    }
    this.#rows.push(row as SqlRow);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#results.push({ rows: this.#rows, count: Number(/ (\d+)$/.exec(text)?.[1] ?? 0) });
    this.#rows = [];
    this.#fields = undefined;
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' });
  }

  handleError(error: Error): void {
    this.#settle(error);
  }

  handleReadyForQuery(): void {
    const all = this.#results.length === this.#statements.length;
    this.#settle(all ? undefined : new Error('PostgreSQL left an answer out'));
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(): void {}

  handleCopyData(): void {}

  #parse(wire: Wire, index: number, name: string, text: string): void {
    if (name === '') {
      wire.parse({ text, name });
      return;
    }
    const known = this.#prepared.get(name);
    if (known === 'ready') return;
    if (known === 'unsure') wire.close({ type: 'S', name });
    wire.parse({ text, name });
    this.#prepared.set(name, 'ready');
    this.#named.push({ name, index });
  }

  #settle(error: Error | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    if (error !== undefined) {
      for (const { name, index } of this.#named) if (index >= this.#results.length) this.#prepared.set(name, 'unsure');
    }
    this.#done(error, this.#results);
  }
}
