/** How often a campaign looks after its harm, ms. */
export const tickMs = 10;

/** How late the looks come on a busy machine: harm that they end lasts so much longer. */
export class Lateness {
  #lastAt: number | undefined;
  /** Largest so far. */
  largestMs = 0;

  /** One look, at this instant (monotonic, ms). */
  look(now: number): void {
    if (this.#lastAt !== undefined) this.largestMs = Math.max(this.largestMs, now - this.#lastAt - tickMs);
    this.#lastAt = now;
  }
}
