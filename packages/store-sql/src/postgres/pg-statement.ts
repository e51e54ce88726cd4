import type { Socket } from 'node:net';
import type { Bound } from '../sql/write-unit.ts';

/** A statement as it is sent; with a name the server keeps its plan. */
export interface PgStatement extends Bound {
  readonly name?: string;
  /** False when only the number of its rows is wanted. */
  readonly rows?: boolean;
}

/** Where PostgreSQL is, and how long we wait for it. */
export interface PgTarget {
  /** `postgres://…`; may hold a password: never logged. */
  readonly url: string;
  readonly schema: string;
  /** For a connection, ms. */
  readonly connectMs: number;
  /** For the answer to what was sent, ms. */
  readonly tripMs: number;
  /** For a lock of another transaction, ms. */
  readonly lockMs: number;
  /** Further statements that are said to each new connection. */
  readonly settings?: string;
  /** What the server shows as the application. */
  readonly name: string;
  /** Sockets of connections; ordinary ones when absent. */
  readonly socket?: () => Socket;
}

const maxNamed = 1_000;

/** Statements whose text is asked for often get a name; each text the same on every connection. */
export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #seen = new Set<string>();

  /** The statement with its name; the first time a text comes it has none, because many texts come only once. */
  named({ sql, params }: Bound, rows = false): PgStatement {
    const name = this.#names.get(sql);
    if (name !== undefined) return { sql, params, name, rows };
    if (this.#names.size >= maxNamed) return { sql, params, rows };
    if (this.#seen.delete(sql)) {
      const next = `s${this.#names.size}`;
      this.#names.set(sql, next);
      return { sql, params, name: next, rows };
    }
    if (this.#seen.size >= maxNamed) this.#seen.clear();
    this.#seen.add(sql);
    return { sql, params, rows };
  }
}
