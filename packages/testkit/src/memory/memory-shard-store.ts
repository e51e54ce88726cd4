import type { ShardHome, ShardRow, ShardStore } from '@skein/ports';

/** Leases of shards in memory. */
export class MemoryShardStore implements ShardStore {
  readonly #homes = new Map<number, { owner: string | undefined; epoch: number; renewal: number }>();
  /** What `readAll` answers; absent once an owner or an epoch changed. */
  #rows: Awaited<ReturnType<ShardStore['readAll']>> | undefined;

  async claim(
    coordinatorId: string,
    shards: readonly number[],
    lapsed: number,
    leaseMs: number,
  ): Promise<readonly ShardHome[]> {
    const ours: ShardHome[] = [];
    for (const shard of new Set(shards)) {
      const home = this.#homes.get(shard) ?? { owner: undefined, epoch: 0, renewal: 0 };
      const mine = home.owner === coordinatorId;
      if (!mine && home.owner !== undefined && home.renewal > lapsed) continue;
      const epoch = mine ? home.epoch : home.epoch + 1;
      if (!mine) this.#rows = undefined;
      this.#homes.set(shard, { owner: coordinatorId, epoch, renewal: Math.max(home.renewal, lapsed) + leaseMs });
      ours.push({ shard, coordinatorId, epoch });
    }
    return ours.toSorted((a, b) => a.shard - b.shard);
  }

  async read(): Promise<readonly ShardRow[]> {
    return [...this.#homes].flatMap(([shard, { owner, epoch, renewal }]) =>
      owner === undefined ? [] : [{ shard, coordinatorId: owner, epoch, renewal }],
    );
  }

  async release(coordinatorId: string, shards?: readonly number[]): Promise<void> {
    this.#rows = undefined;
    for (const [shard, home] of this.#homes)
      if (home.owner === coordinatorId && (shards === undefined || shards.includes(shard))) home.owner = undefined;
  }

  async takeOver(
    coordinatorId: string,
    seen: readonly { readonly shard: number; readonly epoch: number }[],
  ): Promise<readonly ShardHome[]> {
    const ours: ShardHome[] = [];
    this.#rows = undefined;
    for (const { shard, epoch } of seen) {
      const home = this.#homes.get(shard) ?? { owner: undefined, epoch: 0, renewal: 0 };
      const already = home.epoch === epoch + 1 && home.owner === coordinatorId;
      if (home.epoch !== epoch && !already) continue;
      if (!already) this.#homes.set(shard, { owner: coordinatorId, epoch: epoch + 1, renewal: home.renewal + 1 });
      ours.push({ shard, coordinatorId, epoch: epoch + 1 });
    }
    return ours.toSorted((a, b) => a.shard - b.shard);
  }

  async readAll(): Promise<
    readonly { readonly shard: number; readonly coordinatorId?: string; readonly epoch: number }[]
  > {
    this.#rows ??= [...this.#homes]
      .map(([shard, { owner, epoch }]) =>
        owner === undefined ? { shard, epoch } : { shard, coordinatorId: owner, epoch },
      )
      .toSorted((a, b) => a.shard - b.shard);
    return this.#rows;
  }
}
