import { closedError } from '../sql/sql-error.ts';
import type { SqlRow, SqlValue } from '../thread/sql-thread-messages.ts';
import { ConnectionLost, isStalePlan, lostError, postgresError } from './errors.ts';
import { PgConnection } from './pg-connection.ts';
import type { PgTarget, StatementNames } from './pg-statement.ts';

/** Reads beside the commits, on a few connections of their own. A connection that is lost is replaced, and its read is repeated once. */
export class PgReaders {
  readonly #target: PgTarget;
  readonly #names: StatementNames;
  readonly #max: number;
  readonly #open = new Set<PgConnection>();
  readonly #opening = new Set<Promise<PgConnection>>();
  #closed = false;

  constructor(target: PgTarget, names: StatementNames, connections: number) {
    this.#target = target;
    this.#names = names;
    this.#max = connections;
  }

  /** Throws what `postgresError` says. */
  async query(sql: string, params: readonly SqlValue[]): Promise<{ rows: SqlRow[]; changes?: number }> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#closed) throw closedError('the store is closed');
      const connection = await this.#next();
      try {
        const { rows, count } = await connection.query(this.#names.named({ sql, params }, true));
        return { rows, changes: count };
      } catch (error) {
        const stale = isStalePlan(error);
        if (stale) connection.drop();
        if (attempt > 1 || !(stale || error instanceof ConnectionLost)) {
          throw error instanceof ConnectionLost ? lostError(error) : postgresError(error);
        }
      }
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#opening);
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }

  /** The connection with the fewest reads under way; another one is opened only when all have some. */
  async #next(): Promise<PgConnection> {
    let best: PgConnection | undefined;
    for (const connection of this.#open) {
      if (connection.lost) this.#open.delete(connection);
      else if (best === undefined || connection.waiting < best.waiting) best = connection;
    }
    if (best?.waiting === 0) return best;
    if (this.#open.size + this.#opening.size < this.#max) {
      return this.#openAnother().catch((error: unknown) => {
        // The server may have none left: those that there are still answer.
        if (best === undefined || best.lost) throw error;
        return best;
      });
    }
    return best ?? Promise.any(this.#opening).catch(() => this.#openAnother());
  }

  #openAnother(): Promise<PgConnection> {
    const opening = PgConnection.open(this.#target)
      .then((connection) => {
        this.#open.add(connection);
        return connection;
      })
      .finally(() => this.#opening.delete(opening));
    this.#opening.add(opening);
    return opening;
  }
}
