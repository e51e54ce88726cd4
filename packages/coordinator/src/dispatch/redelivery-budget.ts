import type { Clock } from '@skein/ports';

/** Seconds over which the recent leases are counted. */
const windowSeconds = 10;

/**
 * The fleet's budget for leasing again what was lost more than once: a storm of losses must not crowd out everything else. Each asker
 * gets its instant in turn, so that those who wait cost nothing until then.
 */
export class RedeliveryBudget {
  readonly #clock: Clock;
  readonly #share: number;
  readonly #minPerSecond: number;
  /** Leases of the last seconds, by second. */
  readonly #leases: number[] = Array.from({ length: windowSeconds }, () => 0);
  #second = 0;
  #sum = 0;
  /** Monotonic ms at which the next token is there. */
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, settings: { readonly share: number; readonly minPerSecond: number }) {
    this.#clock = clock;
    this.#share = settings.share;
    this.#minPerSecond = settings.minPerSecond;
  }

  /** Tokens per second now. */
  get perSecond(): number {
    this.#turn();
    return Math.max(this.#minPerSecond, (this.#share * this.#sum) / windowSeconds);
  }

  /** Counts a lease, of any kind. */
  leased(): void {
    this.#turn();
    const place = this.#second % windowSeconds;
    this.#leases[place] = (this.#leases[place] ?? 0) + 1;
    this.#sum += 1;
  }

  /** Takes a token: the monotonic instant (ms) from which it may be used. Tokens of one second may be used at once. */
  reserve(): number {
    const now = this.#clock.monotonicMs();
    const { perSecond } = this;
    const at = Math.max(this.#nextAt, now - 1_000);
    this.#nextAt = at + 1_000 / perSecond;
    return Math.max(now, this.#nextAt);
  }

  /** Forgets the seconds that are out of the window. */
  #turn(): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    const passed = Math.min(windowSeconds, second - this.#second);
    for (let step = 1; step <= passed; step += 1) {
      const place = (second - passed + step) % windowSeconds;
      this.#sum -= this.#leases[place] ?? 0;
      this.#leases[place] = 0;
    }
    if (second > this.#second) this.#second = second;
  }
}
