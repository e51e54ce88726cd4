import type { RolloutRecord } from '@skein/domain';
import { costs } from './costs.ts';
import type { EventQueue } from './event-queue.ts';

/** A cell, as the control sees it. */
export interface ControlledCell {
  /** False: the control and the cell cannot reach one another. */
  readonly inTouch: boolean;
  /** Takes a record. */
  adopt(record: RolloutRecord): void;
}

/** How long a cell may send runs to candidates without hearing from the control, ms. */
export const candidateLeaseMs = 2_000;

/**
 * The store of what is global: agents, versions, rollouts. Each cell has a copy, and renews a lease with it; without the lease a cell gives
 * every run the stable version, which needs no permission. So a rollback commits when each cell has answered, or its lease has lapsed, and
 * after that no cell, lost or cut off, can admit a run to the candidate.
 */
export class Control {
  readonly #queue: EventQueue;
  readonly #cells: readonly ControlledCell[];
  record: RolloutRecord;
  /** Virtual ms at which the rollback was asked for, and committed. */
  rollbackAskedAt: number | undefined;
  rollbackCommittedAt: number | undefined;
  requests = 0;

  constructor(queue: EventQueue, record: RolloutRecord, cells: readonly ControlledCell[]) {
    this.#queue = queue;
    this.#cells = cells;
    this.record = record;
  }

  /** A cell asks for its lease; `granted` gets the record as it is. Nothing comes back from a cell that is not reachable. */
  renew(cell: ControlledCell, granted: (record: RolloutRecord) => void): void {
    this.requests += 1;
    this.#queue.after(costs.farMs, () => {
      const { record } = this;
      this.#queue.after(costs.farMs, () => {
        if (cell.inTouch) granted(record);
      });
    });
  }

  /** Rolls back everywhere. */
  rollBack(record: RolloutRecord): void {
    this.rollbackAskedAt = this.#queue.now;
    // From now on no lease is given under the old record.
    this.record = record;
    let missing = this.#cells.length;
    const settled = (): void => {
      missing -= 1;
      if (missing === 0) this.rollbackCommittedAt = this.#queue.now;
    };
    for (const cell of this.#cells) {
      let isSettled = false;
      const settle = (): void => {
        if (isSettled) return;
        isSettled = true;
        settled();
      };
      this.requests += 1;
      this.#queue.after(costs.farMs, () => {
        if (!cell.inTouch) return;
        cell.adopt(record);
        this.#queue.after(costs.farMs, settle);
      });
      // A lease that was granted a moment ago is on its way: it lapses by the cell's own clock, counted from when it asked.
      this.#queue.after(candidateLeaseMs, settle);
    }
  }
}
