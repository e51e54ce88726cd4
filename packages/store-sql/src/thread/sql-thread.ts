import { Worker } from 'node:worker_threads';
import { sqlError, ThreadLost } from '../sql/sql-error.ts';
import type { OnDamage, SqlRow, SqlValue, ThreadReply, ThreadTask } from './sql-thread-messages.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Where and how the thread opens the database. */
export interface SqlThreadOptions {
  readonly path: string;
  readonly mode: 'writer' | 'reader';
  readonly maxPages?: number;
  /** How long a statement waits for another connection's lock, ms; 5,000 when absent. */
  readonly busyTimeoutMs?: number;
  /** Told when a copy of the write-ahead log that the thread began by itself failed. */
  readonly onCheckpointFailed?: (error: Error) => void;
}

/** A thread with one connection. Requests are answered in order; when the thread dies, all that wait get `ThreadLost`. */
export class SqlThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** 1 tells the thread to end between two calls of libSQL. */
  readonly #ended = new Int32Array(new SharedArrayBuffer(4));
  readonly #exited: Promise<void>;
  readonly #onCheckpointFailed: ((error: Error) => void) | undefined;
  #count = 0;
  #lost: ThreadLost | undefined;

  private constructor({ onCheckpointFailed, ...data }: SqlThreadOptions) {
    this.#onCheckpointFailed = onCheckpointFailed;
    this.#worker = new Worker(new URL('./sql-thread.mjs', import.meta.url), {
      name: `skein-sql-${data.mode}`,
      workerData: { ...data, ended: this.#ended },
      // The thread runs plain JavaScript: no loader of the main thread is needed, and one would only slow its start.
      execArgv: [],
    });
    this.#worker.unref();
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.on('message', (reply: ThreadReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#lose(new ThreadLost(error)));
    this.#worker.on('exit', (code) => this.#lose(new ThreadLost(new Error(`the thread ended with ${code}`))));
  }

  /** Starts the thread and opens the database. Throws `unavailable` when it cannot be opened. */
  static async open(options: SqlThreadOptions): Promise<SqlThread> {
    const thread = new SqlThread(options);
    try {
      await thread.ask({ type: 'open' });
    } catch (error) {
      await thread.terminate();
      throw error;
    }
    return thread;
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** Rejects with `ThreadLost`, or with the typed error of a statement that failed. */
  ask(task: ThreadTask): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      // The thread keeps the process alive only while an answer is awaited.
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...task });
    });
  }

  /** One statement outside the group commit: reads, and migrations before the first commit. */
  async query(
    sql: string,
    params: readonly SqlValue[],
    onDamage: OnDamage = 'refuse',
  ): Promise<{ rows: SqlRow[]; changes?: number }> {
    return (await this.ask({ type: 'query', sql, params, onDamage })) as { rows: SqlRow[]; changes?: number };
  }

  /** Closes the connection and ends the thread. Idempotent. */
  async close(): Promise<void> {
    if (this.#lost !== undefined) return;
    await this.ask({ type: 'close' });
    await this.terminate();
  }

  /**
   * Ends the thread as a crash would: what it did not answer yet is in doubt. It ends itself between two calls of libSQL, because a
   * thread that is terminated within such a call aborts the whole process (T4 of the thread).
   */
  async terminate(): Promise<void> {
    if (this.#lost !== undefined) return;
    Atomics.store(this.#ended, 0, 1);
    this.#worker.ref();
    this.#worker.postMessage({ id: 0, type: 'end' });
    await this.#exited;
  }

  #settle(reply: ThreadReply): void {
    if (reply.id === 0) {
      if ('failed' in reply) this.#onCheckpointFailed?.(sqlError(reply.failed));
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('failed' in reply) waiting?.reject(sqlError(reply.failed));
    else waiting?.resolve(reply.value);
  }

  #lose(error: ThreadLost): void {
    this.#lost ??= error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
