import type { ShardHome, ShardStore } from '@skein/ports';

/** Leases of shards in memory. */
export class MemoryShardStore implements ShardStore {
  readonly #homes = new Map<number, { owner: string | undefined; epoch: number; leaseUntil: number }>();

  async claim(
    coordinatorId: string,
    shards: readonly number[],
    now: number,
    leaseMs: number,
  ): Promise<readonly ShardHome[]> {
    const ours: ShardHome[] = [];
    for (const shard of new Set(shards)) {
      const home = this.#homes.get(shard) ?? { owner: undefined, epoch: 0, leaseUntil: 0 };
      const mine = home.owner === coordinatorId;
      if (!mine && home.owner !== undefined && home.leaseUntil > now) continue;
      const epoch = mine ? home.epoch : home.epoch + 1;
      this.#homes.set(shard, { owner: coordinatorId, epoch, leaseUntil: now + leaseMs });
      ours.push({ shard, coordinatorId, epoch });
    }
    return ours.toSorted((a, b) => a.shard - b.shard);
  }

  async release(coordinatorId: string): Promise<void> {
    for (const home of this.#homes.values()) if (home.owner === coordinatorId) home.owner = undefined;
  }
}
