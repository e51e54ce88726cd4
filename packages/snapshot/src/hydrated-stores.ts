import type { Digest } from '@skein/domain';
import type { AgentStores } from '@skein/ports';

/**
 * Stores that a worker keeps ready, by snapshot, least recently used out. Snapshots share their parts' bytes in the part cache, but each
 * store holds values of its own; so what is kept here is bounded by the sizes of all parts of each, shared or not.
 */
export class HydratedStores {
  readonly #maxBytes: number;
  /** In order of use, oldest first. */
  readonly #kept = new Map<Digest, { readonly stores: AgentStores; readonly bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Sum of the parts' sizes over all stores kept now; at most the bound. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts as a use. */
  get(digest: Digest): AgentStores | undefined {
    const entry = this.#kept.get(digest);
    if (entry === undefined) return undefined;
    this.#kept.delete(digest);
    this.#kept.set(digest, entry);
    return entry.stores;
  }

  /** `bytes`: the sizes of all parts of the snapshot together. */
  set(digest: Digest, stores: AgentStores, bytes: number): void {
    this.delete(digest);
    this.#kept.set(digest, { stores, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(digest: Digest): void {
    this.#bytes -= this.#kept.get(digest)?.bytes ?? 0;
    this.#kept.delete(digest);
  }
}
