import { crc32 } from 'node:zlib';
import { closedError } from '../sql/sql-error.ts';
import type { Committer, UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import { CommitLane, type CommitLaneDeps } from './commit-lane.ts';

/**
 * Group commit over a few connections. Units of one key always go by the same lane, so that they are committed in call order; units of
 * different keys may pass one another.
 */
export class PgCommitter implements Committer {
  readonly #lanes: readonly CommitLane[];
  #closed = false;

  constructor(deps: CommitLaneDeps, lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => new CommitLane(deps));
  }

  commit(unit: WriteUnit): Promise<UnitOutcome> {
    if (this.#closed) return Promise.reject(closedError('the store is closed'));
    const lane = this.#lanes.length === 1 ? 0 : crc32(unit.key) % this.#lanes.length;
    return (this.#lanes[lane] as CommitLane).commit(unit);
  }

  /** Settles what was asked before, then refuses more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}
