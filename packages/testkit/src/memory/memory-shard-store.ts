import type { ShardHome, ShardRow, ShardStore } from '@skein/ports';

/** Leases of shards in memory. */
export class MemoryShardStore implements ShardStore {
  readonly #homes = new Map<number, { owner: string | undefined; epoch: number; renewal: number }>();

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

  async release(coordinatorId: string): Promise<void> {
    for (const home of this.#homes.values()) if (home.owner === coordinatorId) home.owner = undefined;
  }
}
