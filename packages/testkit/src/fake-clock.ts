import type { Clock } from '@skein/ports';

interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly run: () => void;
}

/** Lets every microtask and every immediate callback that is already queued run. */
const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A clock that moves only when it is told to.
 * `advance` runs due sleepers and `after` callbacks in the order of their instants (equal instants: in the order of the calls),
 * and lets promises and `endOfTurn` callbacks settle after each of them. Real I/O is not waited for.
 */
export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  readonly #timers = new Map<number, Timer>();
  #endOfTurn: (() => void)[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wall = startMs;
  }

  /** Timers and sleepers that have not run; 0 at the end of a test that leaks nothing. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Whole ms, as wall clocks give them; timers may be finer. */
  now(): number {
    return Math.floor(this.#wall);
  }

  monotonicMs(): number {
    return this.#monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(ms: number, run: () => void): () => void {
    const order = ++this.#order;
    this.#timers.set(order, { dueAt: this.#monotonic + Math.max(0, ms), order, run });
    return () => {
      this.#timers.delete(order);
    };
  }

  endOfTurn(run: () => void): void {
    this.#endOfTurn.push(run);
    if (this.#endOfTurn.length === 1) setImmediate(() => this.#runEndOfTurn());
  }

  /** Moves time on by `ms`, running what falls due on the way, also what is set on the way. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    await this.settle();
    for (let timer = this.#next(target); timer !== undefined; timer = this.#next(target)) {
      this.#moveTo(timer.dueAt);
      this.#timers.delete(timer.order);
      timer.run();
      await this.settle();
    }
    this.#moveTo(target);
  }

  /**
   * Advances timer by timer until `condition` holds; throws after `limitMs` of fake time, or when nothing is left to wait for.
   */
  async advanceUntil(condition: () => boolean, limitMs = 3_600_000): Promise<void> {
    const target = this.#monotonic + limitMs;
    await this.settle();
    while (!condition()) {
      const timer = this.#next(target);
      if (timer === undefined) throw new Error(`the condition did not hold within ${limitMs} ms of fake time`);
      await this.advance(timer.dueAt - this.#monotonic);
    }
  }

  /** Lets promises and `endOfTurn` callbacks run without moving time. */
  async settle(): Promise<void> {
    do await turnOfTheLoop();
    while (this.#endOfTurn.length > 0);
  }

  /** Sets the wall clock by `ms` (also backwards) as an operator would; the monotonic clock and timers do not move. */
  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  #next(target: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (timer.dueAt <= target && (first === undefined || timer.dueAt < first.dueAt)) first = timer;
    }
    return first;
  }

  #moveTo(monotonic: number): void {
    if (monotonic <= this.#monotonic) return;
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #runEndOfTurn(): void {
    const due = this.#endOfTurn;
    this.#endOfTurn = [];
    for (const run of due) run();
  }
}
