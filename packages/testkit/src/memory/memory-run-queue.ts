import type { ClaimedHint, Clock, RunHint, RunQueue } from '@skein/ports';

interface StoredHint {
  readonly hint: RunHint;
  readonly order: number;
  claim?: string;
  /** Claimed until this instant (monotonic ms). */
  until: number;
}

/** The hint queue in memory. */
export class MemoryRunQueue implements RunQueue {
  readonly #clock: Clock;
  readonly #hints = new Map<string, StoredHint>();
  readonly #claims = new Map<string, string>();
  readonly #wakes = new Set<() => void>();
  #count = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
  }

  async publish(hints: readonly RunHint[]): Promise<void> {
    for (const hint of hints) {
      const name = `${hint.tenant}\u0000${hint.runId}\u0000${hint.seq}`;
      if (!this.#hints.has(name)) this.#hints.set(name, { hint: { ...hint }, order: ++this.#count, until: 0 });
    }
    this.#wake();
  }

  async claim(limit: number, visibilityMs: number): Promise<readonly ClaimedHint[]> {
    const now = this.#clock.monotonicMs();
    const claimable = [...this.#hints].filter(([, stored]) => stored.claim === undefined || stored.until <= now);
    claimable.sort(([, a], [, b]) => b.hint.priority - a.hint.priority || a.order - b.order);
    const claimed = claimable.slice(0, limit).map(([name, stored]) => {
      if (stored.claim !== undefined) this.#claims.delete(stored.claim);
      const claim = `claim-${++this.#count}`;
      stored.claim = claim;
      stored.until = now + visibilityMs;
      this.#claims.set(claim, name);
      return { ...stored.hint, claim };
    });
    if (claimed.length > 0) this.#wakeWhenLapsed(visibilityMs);
    return claimed;
  }

  async done(claims: readonly string[]): Promise<void> {
    for (const claim of claims) {
      const name = this.#claims.get(claim);
      if (name === undefined) continue;
      this.#claims.delete(claim);
      this.#hints.delete(name);
    }
  }

  async release(claims: readonly string[]): Promise<void> {
    for (const claim of claims) {
      const stored = this.#hints.get(this.#claims.get(claim) ?? '');
      this.#claims.delete(claim);
      if (stored !== undefined) delete stored.claim;
    }
    this.#wake();
  }

  onAvailable(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => {
      this.#wakes.delete(wake);
    };
  }

  async size(): Promise<number> {
    return this.#hints.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#wakes.clear();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** One timer at a time: claims that outlive it set the next. */
  #wakeWhenLapsed(ms: number): void {
    if (this.#cancelTimer !== undefined || this.#closed) return;
    this.#cancelTimer = this.#clock.after(ms, () => {
      this.#cancelTimer = undefined;
      if (this.#claims.size === 0) return;
      this.#wake();
      this.#wakeWhenLapsed(ms);
    });
  }
}
