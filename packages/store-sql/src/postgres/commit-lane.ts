import { type DomainError, isDomainError } from '@skein/domain';
import type { UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import { type Batch, DirtyStop, runTransaction } from './batch-transaction.ts';
import { ConnectionLost, isContention, isStalePlan, lostError, onlyReads, postgresError } from './errors.ts';
import type { LockStatements } from './lock-statement.ts';
import type { PgConnection } from './pg-connection.ts';
import type { StatementNames } from './pg-statement.ts';

/*
 * One connection that commits batches, one after the other: units that come while a batch runs share the next one.
 *
 * L1 Units are committed in call order per key.
 * L2 A unit is settled exactly once: by the outcome that its commit gave, or by an error.
 * L3 When the connection goes, another one is opened and the same batch is sent again; units are safe to repeat. When none can be had for
 *    `patienceMs`, or the batch lost as many as `maxLosses`, it is given up with `unavailable`, and may or may not be on disk.
 * L4 A batch that fails is undone and repeated unit by unit, so that one unit never costs another. What the outside did (a full disk, a
 *    lock that is held) would meet each of them: then they fail together.
 */

interface Pending {
  readonly unit: WriteUnit;
  readonly resolve: (outcome: UnitOutcome) => void;
  readonly reject: (error: Error) => void;
}

const maxUnits = 512;
/** The server has room for some thousands, of all its connections. */
const maxLocks = 64;
const maxLosses = 3;
const maxContentions = 20;
const reconnectMs = 50;
/** A connection that goes while it is opened is no reason to refuse anything. */
const briefMs = 200;

/** What a lane works with. */
export interface CommitLaneDeps {
  readonly openConnection: () => Promise<PgConnection>;
  readonly names: StatementNames;
  readonly locks: LockStatements;
  /** How long a batch that may be on disk waits for a connection on which it can be repeated, ms. */
  readonly patienceMs: number;
  readonly monotonicMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told of each batch that was repeated, and why. */
  readonly repeated?: (why: 'lost' | 'contention' | 'one_by_one') => void;
}

/** See the head of the file. */
export class CommitLane {
  readonly #deps: CommitLaneDeps;
  #connection: PgConnection | undefined;
  #queue: Pending[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: CommitLaneDeps) {
    this.#deps = deps;
  }

  commit(unit: WriteUnit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ unit, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Settles what was asked before. */
  async close(): Promise<void> {
    await this.#running;
    await this.#connection?.close();
  }

  async #run(): Promise<void> {
    // What this turn of the event loop asks for shares the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) await this.#commitBatch(this.#takeBatch());
    this.#running = undefined;
  }

  #takeBatch(): readonly Pending[] {
    const names = new Set<string>();
    let size = 0;
    for (const { unit } of this.#queue) {
      for (const { name } of unit.locks ?? []) names.add(name);
      if (size > 0 && (size === maxUnits || names.size > maxLocks)) break;
      size += 1;
    }
    const batch = this.#queue.slice(0, size);
    this.#queue = this.#queue.slice(size);
    return batch.length > 1
      ? batch.toSorted((a, b) => (a.unit.key < b.unit.key ? -1 : Number(a.unit.key > b.unit.key)))
      : batch;
  }

  async #commitBatch(batch: readonly Pending[]): Promise<void> {
    const units = batch.map(({ unit }) => unit);
    try {
      const outcomes = await this.#commitUnits({ units, careful: new Set() });
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as UnitOutcome);
    } catch (error) {
      if (batch.length > 1 && !(isDomainError(error) && error.code === 'unavailable')) {
        this.#deps.repeated?.('one_by_one');
        for (const one of batch) await this.#commitAlone(one); // L4
      } else for (const { reject } of batch) reject(error as DomainError);
    }
  }

  async #commitAlone({ unit, resolve, reject }: Pending): Promise<void> {
    try {
      const [outcome] = await this.#commitUnits({ units: [unit], careful: new Set([unit]) });
      resolve(outcome as UnitOutcome);
    } catch (error) {
      reject(error as DomainError);
    }
  }

  /** Throws typed errors only. */
  async #commitUnits(batch: Batch): Promise<readonly UnitOutcome[]> {
    let losses = 0;
    let contentions = 0;
    for (;;) {
      const connection = await this.#connect(losses > 0);
      try {
        return await runTransaction({ ...this.#deps, connection }, batch);
      } catch (error) {
        if (error instanceof ConnectionLost) {
          losses += 1;
          if (losses === maxLosses) throw lostError(error); // L3
          this.#deps.repeated?.('lost');
          continue;
        }
        // The server would undo it with the next statement; one that cannot is not trusted any more.
        await connection.query({ sql: 'rollback', params: [] }).catch(() => connection.drop());
        if (error instanceof DirtyStop) {
          batch = { units: batch.units, careful: new Set([...batch.careful, ...error.units]) };
        } else if (isStalePlan(error) && losses < maxLosses) {
          losses += 1;
          connection.drop();
        } else if (isContention(error) && contentions < maxContentions) {
          contentions += 1;
          this.#deps.repeated?.('contention');
          // So that those who met do not meet again.
          await this.#deps.sleep(Math.random() * 10 * contentions);
        } else {
          // The next batch looks for a server that writes: this one may stay a standby for ever.
          if (onlyReads(error)) connection.drop();
          throw postgresError(error);
        }
      }
    }
  }

  async #connect(patient: boolean): Promise<PgConnection> {
    if (this.#connection !== undefined && !this.#connection.lost) return this.#connection;
    const { monotonicMs, sleep, patienceMs, openConnection } = this.#deps;
    const until = monotonicMs() + (patient ? patienceMs : Math.min(patienceMs, briefMs));
    await this.#connection?.close();
    for (;;) {
      try {
        this.#connection = await openConnection();
        return this.#connection;
      } catch (error) {
        if (monotonicMs() + reconnectMs >= until) throw error;
      }
      await sleep(reconnectMs);
    }
  }
}
