import { setTimeout as delay } from 'node:timers/promises';
import { isDomainError, type RunId, type StepPath, type TenantId } from '@skein/domain';
import type { Log, LogKey, LogStore } from '@skein/ports';
import { maxLogBytes, withinLog } from '../files/log-limit.ts';
import type { Queries } from '../sql/schema.ts';
import type { PgStatement } from './pg-statement.ts';
import type { SideConnection } from './side-connection.ts';

/*
 * Step logs in PostgreSQL, in pieces. Appends are buffered and written behind the commits, on a connection that does not wait for the disk.
 * L1 Bytes of one log are written in the order of the calls. L2 A log that cannot be written loses bytes, never a task.
 * L3 Of one log no more than a whole log waits in memory, and of all together no more than `maxWaiting`.
 * L4 A reader waits for what came before it, not for a log or a store that never rests.
 * L5 A piece begins where the one before it ends, and two pieces never begin at one place: of two processes that append to one log, one
 *    is told, and looks again where the log ends.
 * L6 When the answer to what was sent is lost, it is sent again only after a look whether it is there.
 */

const maxWaiting = 64 * 1024 * 1024;
/** Of one piece: a longer one would be held in memory by each that reads from its middle. */
const maxPiece = 1024 * 1024;
/** Bytes that travel together. */
const maxTrip = 4 * 1024 * 1024;
const retryMs = [50, 200, 500, 1_000, 2_000] as const;
const maxRounds = 20;

interface OpenLog {
  readonly key: LogKey;
  chunks: Uint8Array[];
  /** Bytes in `chunks`. */
  waiting: number;
  /** Bytes that are written; unknown until somebody looked. */
  size: number | undefined;
  /** What was sent last, and may be written or not: the first `length` of the bytes that wait. L6 */
  doubt: { readonly start: number; readonly length: number; readonly kept: Buffer } | undefined;
}

interface Taken {
  readonly log: OpenLog;
  bytes: Buffer;
}

interface Piece {
  readonly log: OpenLog;
  readonly bytes: Buffer;
  readonly start: number;
}

/** What the store writes by. */
type LogConnection = Pick<SideConnection, 'trip' | 'query'>;

/** See the head of the file. */
export class PgLogStore implements LogStore {
  readonly #queries: Queries;
  readonly #connection: LogConnection;
  readonly #log: Log;
  readonly #open = new Map<string, OpenLog>();
  #waiting = 0;
  #writing: Promise<void> | undefined;
  /** The round under way. */
  #round: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(deps: { readonly queries: Queries; readonly connection: LogConnection; readonly log: Log }) {
    this.#queries = deps.queries;
    this.#connection = deps.connection;
    this.#log = deps.log;
  }

  append(key: LogKey, bytes: Uint8Array): void {
    const name = nameOf(key);
    const log = this.#open.get(name) ?? { key: { ...key }, chunks: [], waiting: 0, size: undefined, doubt: undefined };
    this.#open.set(name, log);
    if (log.waiting > maxLogBytes || this.#waiting > maxWaiting) return; // L3
    log.chunks.push(bytes.slice());
    log.waiting += bytes.length;
    this.#waiting += bytes.length;
    this.#writing ??= this.#write();
  }

  async read(
    key: LogKey,
    offset: number,
    limit: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly next: number }> {
    await this.#settle();
    if (limit <= 0) return { bytes: new Uint8Array(), next: offset };
    const rows = await this.#pieces(key, offset, limit);
    const end = Math.min(offset + limit, ...rows.slice(-1).map(({ start, bytes }) => start + bytes.length));
    const bytes = new Uint8Array(Math.max(0, rows.length === 0 ? 0 : end - offset));
    for (const piece of rows) {
      const from = Math.max(piece.start, offset);
      const to = Math.min(piece.start + piece.bytes.length, offset + bytes.length);
      if (from < to) bytes.set(piece.bytes.subarray(from - piece.start, to - piece.start), from - offset);
    }
    return { bytes, next: offset + bytes.length };
  }

  async attempts(tenant: TenantId, runId: RunId, step: StepPath): Promise<readonly number[]> {
    await this.#settle();
    const [who, run, path] = [tenant, runId, step].map(storable);
    const rows = await this.#queries
      .selectFrom('log_chunk')
      .select('attempt')
      .distinct()
      .where('tenant', '=', who as string)
      .where('run_id', '=', run as string)
      .where('step', '=', path as string)
      .orderBy('attempt')
      .execute();
    return rows.map(({ attempt }) => Number(attempt));
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async remove(tenant: TenantId, runId: RunId): Promise<void> {
    // What was appended before goes too.
    await this.#settle();
    for (const log of this.#open.values()) {
      if (log.key.tenant === tenant && log.key.runId === runId) [log.size, log.doubt] = [undefined, undefined];
    }
    await this.#connection.query({
      name: 'l-remove',
      sql: 'delete from log_chunk where tenant = $1 and run_id = $2',
      params: [storable(tenant), storable(runId)],
    });
  }

  /** Writes what waits, or gives it up when PostgreSQL is away. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.flush();
  }

  /** The pieces that overlap the range, in order. */
  async #pieces(key: LogKey, offset: number, limit: number) {
    const rows = await this.#queries
      .selectFrom('log_chunk')
      .select(['start', 'bytes'])
      .where('tenant', '=', storable(key.tenant))
      .where('run_id', '=', storable(key.runId))
      .where('step', '=', storable(key.step))
      .where('attempt', '=', key.attempt)
      .where('start', '>', offset - maxPiece)
      .where('start', '<', offset + limit)
      .orderBy('start')
      .execute();
    return rows
      .map(({ start, bytes }) => ({ start: Number(start), bytes: new Uint8Array(bytes) }))
      .filter(({ start, bytes }) => start + bytes.length > offset);
  }

  /** Waits for the round under way and the one that takes what waits now. L4 */
  async #settle(): Promise<void> {
    for (let pass = 0; pass < 3 && this.#writing !== undefined; pass += 1) await this.#round;
  }

  /** Writes until nothing is left. Never rejects. */
  async #write(): Promise<void> {
    // What is appended in the same turn leaves in one trip.
    await Promise.resolve();
    let failures = 0;
    while (this.#waiting > 0) {
      const round = this.#writeRound();
      this.#round = round.catch(() => {});
      try {
        await round;
        failures = 0;
      } catch (error) {
        failures += 1;
        const away = isDomainError(error) && error.code === 'unavailable';
        const message = error instanceof Error ? error.message : String(error);
        if (failures === 1) this.#log.warn('step logs cannot be written', { error: message });
        if (!away || this.#closing) this.#giveUp();
        else await delay(retryMs[Math.min(failures, retryMs.length) - 1]);
      }
    }
    for (const [name, log] of this.#open) if (log.waiting === 0) this.#open.delete(name);
    this.#writing = undefined;
  }

  #giveUp(): void {
    for (const log of this.#open.values()) {
      log.chunks = [];
      log.waiting = 0;
    }
    this.#waiting = 0;
  }

  /** Writes what waits now, of as many logs as travel together. What was not written waits again. */
  async #writeRound(): Promise<void> {
    const logs: OpenLog[] = [];
    let size = 0;
    for (const log of this.#open.values()) {
      if (log.waiting === 0) continue;
      logs.push(log);
      size += log.waiting;
      if (size >= maxTrip) break;
    }
    const taken = logs.map((log): Taken => {
      const bytes = Buffer.concat(log.chunks);
      log.chunks = [];
      log.waiting = 0;
      return { log, bytes };
    });
    this.#waiting -= size;
    let left: readonly Taken[] = taken;
    try {
      for (let round = 0; left.length > 0; round += 1) {
        left = await this.#writeOnce(left);
        if (round === maxRounds) throw new Error('other processes append to the same logs without a pause');
      }
    } catch (error) {
      for (const { log, bytes } of left) {
        log.chunks.unshift(bytes);
        log.waiting += bytes.length;
        log.size = undefined;
        this.#waiting += bytes.length;
      }
      throw error;
    }
  }

  /** L5. Gives what has to be looked at again, because its place was taken. */
  async #writeOnce(taken: readonly Taken[]): Promise<readonly Taken[]> {
    await this.#findSizes(taken.map(({ log }) => log));
    for (const one of taken) if (one.log.doubt !== undefined) await this.#settleDoubt(one);
    const pieces: Piece[] = [];
    for (const { log, bytes } of taken) {
      const start = log.size ?? 0;
      const kept = withinLog(start, bytes);
      log.doubt = { start, length: bytes.length, kept };
      for (let at = 0; at < kept.length; at += maxPiece) {
        pieces.push({ log, bytes: kept.subarray(at, at + maxPiece), start: start + at });
      }
    }
    const results = await this.#connection.trip(pieces.map(insertOf));
    const beaten = new Set(pieces.flatMap(({ log }, index) => (results[index]?.count === 0 ? [log] : [])));
    for (const { log } of taken) {
      if (beaten.has(log)) log.size = undefined;
      else {
        log.size = (log.size ?? 0) + (log.doubt?.kept.length ?? 0);
        log.doubt = undefined;
      }
    }
    return taken.filter(({ log }) => beaten.has(log));
  }

  /** L6: a trip is written as a whole, so its first piece speaks for all. */
  async #settleDoubt(taken: Taken): Promise<void> {
    const { log } = taken;
    if (log.doubt === undefined) return;
    const { start, length, kept } = log.doubt;
    log.doubt = undefined;
    const { rows } = await this.#connection.query(pieceAt(log.key, start));
    const stored = rows[0]?.['bytes'];
    if (stored === undefined || stored === null || kept.length === 0) return;
    if (kept.subarray(0, maxPiece).equals(stored as unknown as Buffer)) taken.bytes = taken.bytes.subarray(length);
  }

  async #findSizes(logs: readonly OpenLog[]): Promise<void> {
    const unknown = logs.filter(({ size }) => size === undefined);
    const results = await this.#connection.trip(unknown.map(({ key }) => sizeOf(key)));
    for (const [index, log] of unknown.entries()) log.size = Number(results[index]?.rows[0]?.['size'] ?? 0);
  }
}

/** PostgreSQL keeps no text with a zero in it. */
const storable = (text: string): string => text.replaceAll('%', '%25').replaceAll('\u0000', '%00');

const keyParams = ({ tenant, runId, step, attempt }: LogKey) =>
  [storable(tenant), storable(runId), storable(step), attempt] as const;

const nameOf = ({ tenant, runId, step, attempt }: LogKey): string => JSON.stringify([tenant, runId, step, attempt]);

const sizeOf = (key: LogKey): PgStatement => ({
  name: 'l-size',
  rows: true,
  sql: `select start + octet_length(bytes) as size from log_chunk
    where tenant = $1 and run_id = $2 and step = $3 and attempt = $4 order by start desc limit 1`,
  params: keyParams(key),
});

const pieceAt = (key: LogKey, start: number): PgStatement => ({
  name: 'l-piece',
  rows: true,
  sql: `select bytes from log_chunk
    where tenant = $1 and run_id = $2 and step = $3 and attempt = $4 and start = $5`,
  params: [...keyParams(key), start],
});

const insertOf = ({ log, bytes, start }: Piece): PgStatement => ({
  name: 'l-append',
  sql: `insert into log_chunk (tenant, run_id, step, attempt, start, bytes) values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant, run_id, step, attempt, start) do nothing`,
  params: [...keyParams(log.key), start, bytes],
});
