import type { Clock, Meter } from '@skein/ports';
import { metric } from './metric-names.ts';

/** Period of the beat that measures the loop's lag, in ms. */
export const beatMs = 250;

/** What readiness is judged by: the lag of the loop, and the age of the last durable commit while one is awaited. */
export class Health {
  readonly #clock: Clock;
  readonly #meter: Meter;
  #lastBeatAt: number | undefined;
  #cancel: (() => void) | undefined;
  lagMs = 0;
  lastCommitAt: number | undefined;
  /** Appends that have no answer yet. */
  waiting = 0;
  /** Appends that failed since the last that was durable. */
  failures = 0;
  oldestWaitingAt: number | undefined;

  constructor(clock: Clock, meter: Meter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  start(): void {
    this.#lastBeatAt = this.#clock.monotonicMs();
    this.#schedule();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Ms since the loop last answered; undefined before `start`. */
  get silentMs(): number | undefined {
    return this.#lastBeatAt === undefined ? undefined : this.#clock.monotonicMs() - this.#lastBeatAt;
  }

  appendBegins(): number {
    const now = this.#clock.monotonicMs();
    if (this.waiting === 0) this.oldestWaitingAt = now;
    this.waiting += 1;
    return now;
  }

  /** `refused` is an answer of a store that works: a repeated submit, a lost race, facts that no store would take. */
  appendEnds(beganAt: number, end: 'durable' | 'refused' | 'unknown'): void {
    const now = this.#clock.monotonicMs();
    this.waiting -= 1;
    this.oldestWaitingAt = this.waiting === 0 ? undefined : now;
    if (end === 'durable') this.lastCommitAt = now;
    if (end === 'unknown') this.failures += 1;
    else this.failures = 0;
    this.#meter.observe(metric.appendSeconds, (now - beganAt) / 1000);
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(beatMs, () => {
      const now = this.#clock.monotonicMs();
      this.lagMs = Math.max(0, now - (this.#lastBeatAt ?? now) - beatMs);
      this.#lastBeatAt = now;
      this.#meter.gauge(metric.loopLag, this.lagMs / 1000);
      if (this.lastCommitAt !== undefined) this.#meter.gauge(metric.lastCommitAge, (now - this.lastCommitAt) / 1000);
      this.#meter.gauge(
        metric.oldestUnacknowledged,
        this.oldestWaitingAt === undefined ? 0 : (now - this.oldestWaitingAt) / 1000,
      );
      this.#schedule();
    });
  }
}
