import { closedError } from '../sql/sql-error.ts';
import { ConnectionLost, isContention, lostError, postgresError } from './errors.ts';
import { PgConnection } from './pg-connection.ts';
import type { PgStatement, PgTarget } from './pg-statement.ts';
import type { PgResult } from './pg-trip.ts';

const maxLosses = 2;
const maxContentions = 10;

/**
 * A connection for work that is no unit of the committer: the queue, logs, bytes. Opened when it is needed first, and anew when it was
 * lost. What is asked for follows one another.
 */
export class SideConnection {
  readonly #target: PgTarget;
  readonly #settings: string;
  #connection: PgConnection | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #waiting = 0;

  /** With `settings`, a statement such as `set synchronous_commit to off`, said to each new connection. */
  constructor(target: PgTarget, settings = '') {
    this.#target = target;
    this.#settings = settings;
  }

  /**
   * Sends the statements in one go. They must be safe to repeat: they are sent again when the answer was lost. Throws what `postgresError`
   * says, and `unavailable`.
   */
  trip(statements: readonly PgStatement[]): Promise<readonly PgResult[]> {
    return this.work((connection) => connection.trip(statements));
  }

  /** One statement. */
  async query(statement: PgStatement): Promise<PgResult> {
    const [result] = await this.trip([statement]);
    return result as PgResult;
  }

  /** Has the connection alone meanwhile. `task` must be safe to repeat. */
  work<T>(task: (connection: PgConnection) => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const result = this.#last.then(() => this.#attempt(task));
    this.#last = result
      .catch(() => {})
      .then(() => {
        this.#waiting -= 1;
      });
    return result;
  }

  /** What was asked and has no answer. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Settles what was asked before, then refuses more. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#connection?.close();
  }

  async #attempt<T>(task: (connection: PgConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError('the store is closed');
    let [losses, contentions] = [0, 0];
    for (;;) {
      const connection = await this.#open();
      try {
        return await task(connection);
      } catch (error) {
        if (error instanceof ConnectionLost) {
          losses += 1;
          if (losses === maxLosses) throw lostError(error);
        } else {
          // It may be in the middle of a transaction.
          connection.drop();
          contentions += 1;
          if (!isContention(error) || contentions === maxContentions) throw postgresError(error);
        }
      }
    }
  }

  async #open(): Promise<PgConnection> {
    if (this.#connection?.lost === false) return this.#connection;
    await this.#connection?.close();
    this.#connection = undefined;
    const connection = await PgConnection.open(this.#target);
    if (this.#settings !== '') await connection.query({ sql: this.#settings, params: [] });
    this.#connection = connection;
    return connection;
  }
}

/** A few side connections, for work that may pass one another. */
export class SidePool {
  readonly #connections: readonly SideConnection[];

  constructor(target: PgTarget, count: number) {
    this.#connections = Array.from({ length: count }, () => new SideConnection(target));
  }

  /** As of one connection: that with the least to do. */
  work<T>(task: (connection: PgConnection) => Promise<T>): Promise<T> {
    const [first, ...rest] = this.#connections;
    if (first === undefined) throw new Error('the pool has no connection');
    return rest.reduce((best, one) => (one.waiting < best.waiting ? one : best), first).work(task);
  }

  /** Settles what was asked before, then refuses more. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
