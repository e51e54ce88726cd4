/** How often it is looked, ms. */
const lookMs = 20;
/** Timers of a machine that has time are late by less, ms. */
const usualMs = 5;

/**
 * A stopwatch that leaves out the time in which the machine gave this process none, for bounds on time that hold on a machine which others
 * use too. This process has little to do but wait, so that what its timers are late is what it did not get.
 */
export class GivenTime {
  readonly #beganAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #lookedAt = this.#beganAt;
  #lostMs = 0;
  #endedAt: number | undefined;

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  /** What was lost until now, or until it was stopped, ms. */
  get lostMs(): number {
    this.#look();
    return this.#lostMs;
  }

  /** What has passed until now, or until it was stopped, without what was lost, ms. */
  get ms(): number {
    return (this.#endedAt ?? performance.now()) - this.#beganAt - this.lostMs;
  }

  stop(): void {
    this.#look();
    this.#endedAt = performance.now();
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#endedAt !== undefined) return;
    const now = performance.now();
    const lateMs = now - this.#lookedAt - lookMs;
    if (lateMs > usualMs) this.#lostMs += lateMs;
    this.#lookedAt = now;
  }
}
