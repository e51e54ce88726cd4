import { createHash } from 'node:crypto';
import type { Clock } from '@skein/ports';
import { Client } from 'pg';
import type { PgTarget } from './pg-statement.ts';

const retryMs = 1_000;

/** The channel on which processes that share a schema wake one another. */
export const channelOf = (schema: string): string =>
  `skein_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`;

/**
 * Listens for notices of other processes on a connection of its own, opened again when it is lost. A notice may be lost with it: `heard` is
 * also called each time it listens anew.
 */
export class PgNotices {
  readonly #target: PgTarget;
  readonly #clock: Clock;
  readonly #heard: () => void;
  #client: Client | undefined;
  #connecting: Promise<void> | undefined;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(deps: { readonly target: PgTarget; readonly clock: Clock; readonly heard: () => void }) {
    this.#target = deps.target;
    this.#clock = deps.clock;
    this.#heard = deps.heard;
  }

  /** Begins to listen, in the background. Idempotent. */
  listen(): void {
    if (this.#closed || this.#client !== undefined || this.#connecting !== undefined) return;
    this.#connecting = this.#connect()
      .catch(() => this.#retry())
      .finally(() => {
        this.#connecting = undefined;
      });
  }

  /** Resolves when it listens, or has failed to for now. */
  async settled(): Promise<void> {
    await this.#connecting;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#connecting;
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  async #connect(): Promise<void> {
    const { url, connectMs, name, socket } = this.#target;
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      fallback_application_name: `${name} notices`,
      ...(socket === undefined ? {} : { stream: socket }),
    });
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#retry();
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', () => this.#heard());
    try {
      await client.connect();
      await client.query(`listen "${channelOf(this.#target.schema)}"`);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.#client = client;
    this.#heard();
  }

  #retry(): void {
    if (this.#closed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#clock.after(retryMs, () => this.listen());
  }
}
