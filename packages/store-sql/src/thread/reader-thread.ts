import { closedError, ThreadLost } from '../sql/sql-error.ts';
import { SqlThread, type SqlThreadOptions } from './sql-thread.ts';
import type { OnDamage, SqlRow, SqlValue } from './sql-thread-messages.ts';

/** Reads beside the commits, so that a long one delays neither them nor the caller's event loop. A dead thread is replaced. */
export class ReaderThread {
  readonly #options: SqlThreadOptions;
  #thread: SqlThread;
  #replacing: Promise<void> | undefined;

  private constructor(options: SqlThreadOptions, thread: SqlThread) {
    this.#options = options;
    this.#thread = thread;
  }

  /** Throws `unavailable`. */
  static async open(options: SqlThreadOptions): Promise<ReaderThread> {
    return new ReaderThread(options, await SqlThread.open(options));
  }

  /** The thread of today; tests kill it. */
  get thread(): SqlThread {
    return this.#thread;
  }

  /** A read is repeated once when its thread died. */
  async query(
    sql: string,
    params: readonly SqlValue[],
    onDamage?: OnDamage,
  ): Promise<{ rows: SqlRow[]; changes?: number }> {
    try {
      return await this.#thread.query(sql, params, onDamage);
    } catch (error) {
      if (!(error instanceof ThreadLost)) throw error;
    }
    await this.#replace();
    try {
      return await this.#thread.query(sql, params, onDamage);
    } catch (error) {
      throw error instanceof ThreadLost ? closedError('the database is gone', error) : error;
    }
  }

  /** Copies the write-ahead log into the file, as far as it goes without waiting. */
  checkpoint(): Promise<unknown> {
    return this.#thread.ask({ type: 'checkpoint' });
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  #replace(): Promise<void> {
    this.#replacing ??= this.#reopen().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #reopen(): Promise<void> {
    if (this.#thread.lost) this.#thread = await SqlThread.open(this.#options);
  }
}
