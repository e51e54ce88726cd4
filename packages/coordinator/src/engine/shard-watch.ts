import type { Clock, ShardHome, ShardStore } from '@skein/ports';

/** The last sign of life of another coordinator in one shard, and when it was seen first on the own monotonic clock. */
interface Sign {
  readonly mark: string;
  readonly renewal: number;
  readonly seenAt: number;
}

/**
 * Claims shards. Others' are taken only when nothing in their rows has changed for a whole lease, judged by the own monotonic clock: wall
 * clocks, which people set, decide nothing.
 */
export class ShardWatch {
  readonly #deps: { readonly clock: Clock; readonly shards: ShardStore };
  readonly #coordinatorId: string;
  readonly #leaseMs: number;
  #others = new Map<number, Sign>();

  constructor(
    deps: { readonly clock: Clock; readonly shards: ShardStore },
    config: { readonly coordinatorId: string; readonly shardLeaseMs: number },
  ) {
    this.#deps = deps;
    this.#coordinatorId = config.coordinatorId;
    this.#leaseMs = config.shardLeaseMs;
  }

  /** What is ours now, of these. Throws `unavailable`. */
  async claim(wanted: readonly number[]): Promise<readonly ShardHome[]> {
    const { shards } = this.#deps;
    const ours = [...(await shards.claim(this.#coordinatorId, wanted, 0, this.#leaseMs))];
    if (ours.length === wanted.length) {
      this.#others.clear();
      return ours;
    }
    for (const [renewal, lapsed] of await this.#lapsed())
      ours.push(...(await shards.claim(this.#coordinatorId, lapsed, renewal, this.#leaseMs)));
    return ours;
  }

  /** Shards of others that gave no sign of life for a lease, by the renewal that was seen last. */
  async #lapsed(): Promise<ReadonlyMap<number, readonly number[]>> {
    const now = this.#deps.clock.monotonicMs();
    const others = new Map<number, Sign>();
    const lapsed = new Map<number, number[]>();
    for (const { shard, coordinatorId, epoch, renewal } of await this.#deps.shards.read()) {
      if (coordinatorId === this.#coordinatorId) continue;
      const mark = `${coordinatorId} ${epoch} ${renewal}`;
      const known = this.#others.get(shard);
      const sign = known?.mark === mark ? known : { mark, renewal, seenAt: now };
      others.set(shard, sign);
      if (now - sign.seenAt >= this.#leaseMs) lapsed.set(renewal, [...(lapsed.get(renewal) ?? []), shard]);
    }
    this.#others = others;
    return lapsed;
  }
}
