/** How often it is looked, ms. */
const lookMs = 100;

/** A time in which this process got none, ms since the epoch. */
export interface MachinePause {
  readonly from: number;
  readonly to: number;
}

/**
 * Stops of the whole machine for longer than `longMs`, as this process saw them: it has nothing else to do, so its timers are late only
 * when it got no time.
 */
export class MachinePauses {
  readonly pauses: MachinePause[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(longMs: number) {
    let lookedAt = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const lateMs = now - lookedAt - lookMs;
      lookedAt = now;
      const to = Date.now();
      if (lateMs >= longMs) this.pauses.push({ from: to - lateMs, to });
    }, lookMs);
  }

  /** Whether the machine stood still just before this instant, by at most so much. */
  wasJustBefore(at: number, withinMs: number): boolean {
    return this.pauses.some(({ from, to }) => at >= from && at <= to + withinMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
