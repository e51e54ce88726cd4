import type { Clock } from '@skein/ports';

/** Time that passes as it is told: its timers fire at the end of each passage, and so as late as that is long. */
export class CoarseClock implements Clock {
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  now = (): number => this.#now;
  monotonicMs = (): number => this.#now;
  sleep = (ms: number): Promise<void> => new Promise((resolve) => void this.after(ms, resolve));
  endOfTurn = (run: () => void): void => queueMicrotask(run);
  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  };

  /** This process stands still for so long, and wakes up: what is due then runs. */
  async standStill(ms: number): Promise<void> {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { run } of due) run();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** So much time passes, and timers fire in time. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) await this.standStill(100);
  }
}
