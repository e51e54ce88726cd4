import type { ShardHome } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { loadOpenRuns } from '../engine/sweep.ts';
import { awaitFlights, forgetShards, gainShards, withdrawShards } from './own-shards.ts';

/** Shards that are given away at once: the others go on meanwhile. */
const giveAtOnce = 32;
/** Shards that are read at once: each of them is ready when they all are. */
const readAtOnce = 32;
/** Wait before runs that could not be read are tried again (ms). */
const readAgainMs = 100;

/**
 * Carries out how shards come and go.
 *  M4 a shard is given away in order: no turns, no append in flight, nothing in memory, then its row is free
 *  M5 a shard counts as read only when all its open runs were read
 */
export class ShardMoves {
  /** Shards that are being given away now. */
  readonly withdrawing = new Set<number>();
  /** Shards at home here with a run that holds a fact which is not known here. */
  readonly undrivable = new Set<number>();
  readonly #engine: Engine;
  readonly #onMoved: (isGiven: boolean) => void;
  #giving: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #isOver = false;

  /** `onMoved`: shards came, went, or were read; `isGiven` when they were given away. */
  constructor(engine: Engine, onMoved: (isGiven: boolean) => void) {
    this.#engine = engine;
    this.#onMoved = onMoved;
  }

  gain(won: readonly ShardHome[]): void {
    if (won.length === 0) return;
    gainShards(this.#engine, won);
    for (const { shard } of won) this.undrivable.delete(shard);
    this.#engine.deps.log.info('shards are at home here now', { shards: won.length });
    this.#onMoved(false);
  }

  /** At once: others are home to them, or nobody is to be. */
  forget(gone: ReadonlySet<number>): void {
    if (gone.size === 0) return;
    withdrawShards(this.#engine, gone);
    forgetShards(this.#engine, gone);
    for (const shard of gone) this.undrivable.delete(shard);
    this.#onMoved(false);
  }

  /** M4. Some at a time, one giving at a time; the rest is asked for again. */
  give(all: readonly number[]): void {
    if (this.#giving !== undefined || all.length === 0) return;
    const { deps } = this.#engine;
    const gone = new Set(all.slice(0, giveAtOnce));
    for (const shard of gone) this.withdrawing.add(shard);
    withdrawShards(this.#engine, gone);
    this.#giving = this.#giveAway(gone)
      .catch((thrown: unknown) => deps.log.warn('shards could not be given away now', { error: thrown }))
      .then(() => {
        this.#giving = undefined;
        for (const shard of gone) {
          this.withdrawing.delete(shard);
          this.undrivable.delete(shard);
        }
        this.#onMoved(true);
      });
  }

  async #giveAway(gone: ReadonlySet<number>): Promise<void> {
    const { deps, config } = this.#engine;
    await awaitFlights(this.#engine, gone);
    forgetShards(this.#engine, gone);
    // When this fails the next look finds rows that name this coordinator, and releases them.
    await deps.shards.release(config.coordinatorId, [...gone]);
    deps.log.info('shards were given away', { shards: gone.size });
  }

  /** M5. One reading at a time; it goes on until nothing is left to read. While the coordinator starts, it throws `unavailable` instead. */
  read(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const { runs, deps } = this.#engine;
    while (runs.unread.size > 0 && !this.#isOver && this.#engine.phase !== 'stopped') {
      const reading = [...runs.unread].slice(0, readAtOnce);
      const epochs = reading.map((shard) => runs.epochs.get(shard));
      try {
        await loadOpenRuns(this.#engine, reading);
        // One that was lost and won again meanwhile is to be read again.
        reading.forEach((shard, at) => {
          if (runs.epochs.get(shard) === epochs[at]) runs.unread.delete(shard);
        });
        this.#onMoved(false);
      } catch (thrown) {
        if (this.#engine.phase === 'starting') throw thrown;
        if (!isPassing(thrown)) deps.log.error('open runs cannot be read', { error: thrown });
        await deps.clock.sleep(readAgainMs);
      }
    }
  }

  close(): void {
    this.#isOver = true;
  }
}
