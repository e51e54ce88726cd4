import { Client } from 'pg';
import { ConnectionLost, connectError, endsConnection, standbyError } from './errors.ts';
import type { PgStatement, PgTarget } from './pg-statement.ts';
import { type PgResult, PgTrip, type Prepared } from './pg-trip.ts';

export type { PgResult } from './pg-trip.ts';

/** How long a server has to take leave. */
const goodbyeMs = 1_000;

interface Asked {
  readonly statements: readonly PgStatement[];
  readonly resolve: (results: readonly PgResult[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A connection on which statements go in trips, one trip at a time. When it is lost, all that wait get `ConnectionLost`; an error of a
 * statement is thrown as the driver gives it.
 */
export class PgConnection {
  readonly #client: Client;
  readonly #tripMs: number;
  readonly #prepared: Prepared = new Map();
  #queue: Asked[] = [];
  #busy = false;
  #lost: ConnectionLost | undefined;

  private constructor(client: Client, tripMs: number) {
    this.#client = client;
    this.#tripMs = tripMs;
    // Without a handler the end of an idle connection would end the process.
    client.on('error', (error: unknown) => this.#lose(error));
    client.on('end', () => this.#lose(new Error('the connection has ended')));
  }

  /** Throws `unavailable`; also for a standby, which would answer with what was true some time ago. */
  static async open(target: PgTarget): Promise<PgConnection> {
    const { url, schema, connectMs, tripMs, lockMs, name, settings = '', socket } = target;
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      fallback_application_name: name,
      ...(socket === undefined ? {} : { stream: socket }),
    });
    const connection = new PgConnection(client, tripMs);
    // The driver's own time is over with the handshake.
    const timer = setTimeout(() => connection.drop(), 2 * connectMs);
    try {
      await client.connect();
      // A connection that is stuck must not keep others out for long: the server ends it, with the locks that it holds.
      await client.query(
        `set search_path to ${quoted(schema)}; set lock_timeout to ${lockMs}; set idle_in_transaction_session_timeout to ${tripMs};
         set timezone to 'UTC'; set client_min_messages to warning; set jit to off; ${settings}`,
      );
      const { rows } = await client.query<{ readonly standby: boolean }>('select pg_is_in_recovery() as standby');
      if (rows[0]?.standby === true) throw standbyError();
    } catch (error) {
      await connection.close();
      throw connectError(error);
    } finally {
      clearTimeout(timer);
    }
    return connection;
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** Trips that are under way or wait for one. */
  get waiting(): number {
    return this.#queue.length + (this.#busy ? 1 : 0);
  }

  /** One statement. */
  async query(statement: PgStatement): Promise<PgResult> {
    const [result] = await this.trip([statement]);
    return result as PgResult;
  }

  /** Sends the statements together and waits for all answers. After a statement that fails, those behind it are not run. */
  trip(statements: readonly PgStatement[]): Promise<readonly PgResult[]> {
    return new Promise((resolve, reject) => {
      if (statements.length === 0) {
        resolve([]);
        return;
      }
      this.#queue.push({ statements, resolve, reject });
      if (!this.#busy) this.#next();
    });
  }

  /** Ends the connection at once; what it did not answer is in doubt. */
  drop(): void {
    this.#drop(new Error('the connection was dropped'));
  }

  /** Says goodbye, also when it is lost. Idempotent. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.drop(), goodbyeMs);
    await this.#client.end().catch(() => {});
    clearTimeout(timer);
  }

  #next(): void {
    const asked = this.#queue.shift();
    this.#busy = asked !== undefined;
    if (asked === undefined) return;
    const { statements, resolve, reject } = asked;
    if (this.#lost !== undefined) {
      reject(this.#lost);
      this.#next();
      return;
    }
    // An answer that never comes, as when the network swallows all: the connection is given up.
    const timer = setTimeout(() => this.#drop(new Error('PostgreSQL did not answer in time')), this.#tripMs);
    const trip = new PgTrip(statements, this.#prepared, (error, results) => {
      clearTimeout(timer);
      if (error === undefined) resolve(results);
      else if (this.#lost !== undefined || endsConnection(error)) {
        this.#drop(error);
        reject(this.#lost ?? new ConnectionLost(error));
      } else reject(error);
      this.#next();
    });
    // It answers by its own methods.
    void this.#client.query(trip as unknown as Parameters<Client['query']>[0]);
  }

  #drop(error: unknown): void {
    this.#lose(error);
    streamOf(this.#client)?.destroy();
  }

  #lose(error: unknown): void {
    this.#lost ??= new ConnectionLost(error);
  }
}

/** The socket of the driver, which its types do not show. */
const streamOf = (client: Client): { destroy(): void } | undefined =>
  (client as unknown as { readonly connection?: { readonly stream?: { destroy(): void } } }).connection?.stream;

/** An identifier in double quotes. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
