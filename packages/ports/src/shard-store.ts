/** Who is home to a shard. `epoch` rises with every change of owner. */
export interface ShardHome {
  readonly shard: number;
  readonly coordinatorId: string;
  readonly epoch: number;
}

/** Leases of shards: one row per shard (0 … 255). */
export interface ShardStore {
  /** Takes every shard that is free, lapsed or already ours; returns what is ours now. `now` and `leaseMs` in ms. */
  claim(coordinatorId: string, shards: readonly number[], now: number, leaseMs: number): Promise<readonly ShardHome[]>;
  release(coordinatorId: string): Promise<void>;
}
