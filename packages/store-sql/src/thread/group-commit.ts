import { DomainError } from '@skein/domain';
import { closedError, sqlError, ThreadLost } from '../sql/sql-error.ts';
import type { Bound, Committer, UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import type { SqlThread } from './sql-thread.ts';
import type { EncodedOutcome, EncodedUnit, PackedValue, SqlValue } from './sql-thread-messages.ts';

/*
 * Group commit: units that come while commits run share the next one. No timer: the commit is the batching window.
 * While the thread commits one batch, the next is already with it, so that neither side waits for the other.
 *
 * G1 Units are committed in call order per key: the thread takes batches in the order in which they were sent.
 * G2 A unit is settled exactly once: by the outcome that its commit gave, or by an error.
 * G3 When the thread dies, a new one is opened and the same batches are sent again in their old order; units are safe to
 *    repeat. A batch that kills two threads is given up with `unavailable`.
 */

interface Pending {
  readonly unit: WriteUnit;
  readonly resolve: (outcome: UnitOutcome) => void;
  readonly reject: (error: Error) => void;
}

const maxUnits = 512;
const maxBatches = 2;
const maxThreadsPerBatch = 2;
/** Checkpoint once about this many pages were written since the last one. */
const checkpointPages = 4_096;

const guardKinds = { change: 'changes', exist: 'exists', hold: 'holds', run: 'run' } as const;

const done: UnitOutcome = { status: 'done', results: [] };

/** What the group commit works with. */
export interface GroupCommitDeps {
  /** A fresh writer thread; called again when the one before died. */
  readonly openThread: () => Promise<SqlThread>;
  /** Copies the write-ahead log into the file while commits go on. */
  readonly checkpointBeside: () => Promise<unknown>;
  /** Told of each copy that failed; the commits go on. */
  readonly checkpointFailed: (error: unknown) => void;
}

/** See the head of the file. */
export class GroupCommit implements Committer {
  readonly #deps: GroupCommitDeps;
  readonly #ids = new Map<string, number>();
  #thread: SqlThread;
  /** Texts that the current thread does not know yet. */
  #define: [number, string][] = [];
  #queue: Pending[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #replacing: Promise<void> | undefined;
  #scheduled = false;
  #closed = false;
  #pages = 0;
  #checkpoint: Promise<void> | undefined;

  constructor(deps: GroupCommitDeps, thread: SqlThread) {
    this.#deps = deps;
    this.#thread = thread;
  }

  /** The thread of today; tests kill it. */
  get thread(): SqlThread {
    return this.#thread;
  }

  commit(unit: WriteUnit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closedError('the store is closed'));
        return;
      }
      this.#queue.push({ unit, resolve, reject });
      this.#schedule();
    });
  }

  /** Settles what was asked before, then refuses more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#queue.length > 0 || this.#underWay.size > 0) {
      this.#flush();
      await Promise.all(this.#underWay);
    }
    await this.#checkpoint;
    await this.#thread.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay.size >= maxBatches) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#underWay.size >= maxBatches || this.#queue.length === 0) return;
    const batch = this.#queue.length <= maxUnits ? this.#queue : this.#queue.slice(0, maxUnits);
    this.#queue = this.#queue.length <= maxUnits ? [] : this.#queue.slice(maxUnits);
    if (batch.length > 1) batch.sort((a, b) => (a.unit.key < b.unit.key ? -1 : Number(a.unit.key > b.unit.key)));
    const run = this.#run(batch).finally(() => {
      this.#underWay.delete(run);
      if (this.#queue.length > 0) this.#schedule();
    });
    this.#underWay.add(run);
  }

  async #run(batch: readonly Pending[]): Promise<void> {
    let outcomes: readonly EncodedOutcome[];
    try {
      outcomes = await this.#send(batch);
    } catch (error) {
      const refusal = error instanceof DomainError ? error : closedError('the database is gone', error);
      for (const { reject } of batch) reject(refusal);
      return;
    }
    for (const [index, pending] of batch.entries()) settle(pending, outcomes[index]);
    this.#pages += 3 + 2 * batch.length;
    if (this.#pages > checkpointPages) this.#startCheckpoint();
  }

  /** G3 */
  async #send(batch: readonly Pending[]): Promise<readonly EncodedOutcome[]> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#thread.lost) await this.#replaceThread();
      const bytes: Uint8Array[] = [];
      const units = JSON.stringify(batch.map(({ unit }) => this.#encode(unit, bytes)));
      const define = this.#define;
      this.#define = [];
      try {
        return (await this.#thread.ask({ type: 'commit', define, units, bytes })) as readonly EncodedOutcome[];
      } catch (error) {
        if (!(error instanceof ThreadLost) || attempt === maxThreadsPerBatch) throw error;
      }
    }
  }

  /** Shared by the batches that wait for it; they go on in the order in which they came. */
  #replaceThread(): Promise<void> {
    this.#replacing ??= this.#deps
      .openThread()
      .then((thread) => {
        this.#thread = thread;
        this.#define = [...this.#ids].map(([sql, id]) => [id, sql]);
      })
      .finally(() => {
        this.#replacing = undefined;
      });
    return this.#replacing;
  }

  #encode({ guards, writes, wantsResults = false }: WriteUnit, bytes: Uint8Array[]): EncodedUnit {
    return [
      wantsResults,
      guards.map((guard) => {
        const kind = guardKinds[guard.must];
        const { otherwise } = guard;
        const params = pack(guard.params, bytes);
        return otherwise === undefined
          ? [kind, this.#idOf(guard), params]
          : [kind, this.#idOf(guard), params, this.#idOf(otherwise), pack(otherwise.params, bytes)];
      }),
      writes.map((write) => [write.answers ?? 'run', this.#idOf(write), pack(write.params, bytes)]),
    ];
  }

  #idOf({ sql }: Bound): number {
    const known = this.#ids.get(sql);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(sql, id);
    this.#define.push([id, sql]);
    return id;
  }

  /** The long part beside the commits, then the short rest between two of them, so that the log starts over. */
  #startCheckpoint(): void {
    if (this.#checkpoint !== undefined) return;
    this.#pages = 0;
    this.#checkpoint = this.#deps
      .checkpointBeside()
      .then(() => this.#thread.ask({ type: 'checkpoint' }))
      // A checkpoint is only housekeeping: the next one does its work, but a disk that cannot take it is told of.
      .catch((error: unknown) => this.#deps.checkpointFailed(error))
      .then(() => {
        this.#checkpoint = undefined;
      });
  }
}

const settle = ({ resolve, reject }: Pending, outcome: EncodedOutcome | undefined): void => {
  if (outcome === 0) resolve(done);
  else if (outcome === undefined) reject(new DomainError('internal', 'a unit has no outcome'));
  else if ('failed' in outcome) reject(sqlError(outcome.failed));
  else if ('stopped' in outcome) resolve({ status: 'stopped', guard: outcome.stopped, rows: outcome.rows });
  else resolve({ status: 'done', results: outcome });
};

const pack = (params: readonly SqlValue[], bytes: Uint8Array[]): readonly PackedValue[] =>
  params.some((value) => value instanceof Uint8Array)
    ? params.map((value) => (value instanceof Uint8Array ? { b: bytes.push(value) - 1 } : value))
    : (params as readonly PackedValue[]);
