/** Who is home to a shard. `epoch` rises with every change of owner. */
export interface ShardHome {
  readonly shard: number;
  readonly coordinatorId: string;
  readonly epoch: number;
}

/** A shard that has a home, as its row says. */
export interface ShardRow extends ShardHome {
  /** Rises with every claim by the same owner: a row that stays the same was not renewed. A count, not an instant. */
  readonly renewal: number;
}

/** Leases of shards: one row per shard (0 … 255). */
export interface ShardStore {
  /**
   * Takes every shard that is free, already ours, or another's whose renewal is at most `lapsed`; returns what is ours now. The renewal of
   * each rises by `leaseMs` or more. Who claims judges by itself what has lapsed: it saw the renewal unchanged for a whole lease.
   */
  claim(
    coordinatorId: string,
    shards: readonly number[],
    lapsed: number,
    leaseMs: number,
  ): Promise<readonly ShardHome[]>;
  /** Every shard that has a home. */
  read(): Promise<readonly ShardRow[]>;
  /** Gives up all, or only these. Idempotent. */
  release(coordinatorId: string, shards?: readonly number[]): Promise<void>;
  /**
   * Takes those shards whose row is still as it was seen: free or owned, at this epoch (0: no row yet). Returns what is ours now, at the next epoch.
   * In a fleet whoever takes has judged the owner's membership before; the epoch makes one of two takers win.
   */
  takeOver(
    coordinatorId: string,
    seen: readonly { readonly shard: number; readonly epoch: number }[],
  ): Promise<readonly ShardHome[]>;
  /** Every row: who is home to the shard (undefined: nobody) and its epoch. Absent rows were never taken. */
  readAll(): Promise<readonly { readonly shard: number; readonly coordinatorId?: string; readonly epoch: number }[]>;
}
