import type { Clock } from '@skein/ports';

/**
 * One process of a simulation: a clock of its own, whose timers die with it. What a dead process had awaited never comes back.
 */
export class SimProcess {
  readonly clock: Clock;
  #alive = true;
  readonly #onDeath: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          clock.sleep(ms, signal).then(
            () => this.#alive && resolve(),
            (thrown: unknown) => this.#alive && reject(thrown as Error),
          );
        }),
      after: (ms, run) => clock.after(ms, () => this.#alive && run()),
      endOfTurn: (run) => clock.endOfTurn(() => this.#alive && run()),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Calls `run` when the process dies. */
  onDeath(run: () => void): void {
    this.#onDeath.push(run);
  }

  /** `kill -9`. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const run of this.#onDeath.splice(0)) run();
  }
}
