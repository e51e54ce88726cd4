import type { Clock } from '@skein/ports';

/**
 * One process of a simulation: a clock of its own, whose timers die with it. What a dead process had awaited never comes back;
 * what comes to a stopped one waits until it goes on.
 */
export class SimProcess {
  readonly clock: Clock;
  #wallOffset = 0;
  #alive = true;
  #stopped = false;
  #waiting: (() => void)[] = [];
  readonly #onDeath: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = {
      now: () => clock.now() + this.#wallOffset,
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          clock.sleep(ms, signal).then(
            () => this.run(resolve),
            (thrown: unknown) => this.run(() => reject(thrown as Error)),
          );
        }),
      after: (ms, run) => {
        let cancelled = false;
        const cancel = clock.after(ms, () =>
          this.run(() => {
            if (!cancelled) run();
          }),
        );
        return () => {
          cancelled = true;
          cancel();
        };
      },
      endOfTurn: (run) => clock.endOfTurn(() => this.run(run)),
    };
  }

  /** An operator sets the clock of this process's machine, by ms; its monotonic clock and its timers do not move. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Lets something happen to the process: at once, when it goes on, or never. */
  run(event: () => void): void {
    if (!this.#alive) return;
    if (this.#stopped) this.#waiting.push(event);
    else event();
  }

  /** `SIGSTOP`. */
  stop(): void {
    this.#stopped = true;
  }

  /** `SIGCONT`: all that happened meanwhile comes at once, in order. */
  continue(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    for (const event of this.#waiting.splice(0)) this.run(event);
  }

  /** Calls `run` when the process dies. */
  onDeath(run: () => void): void {
    this.#onDeath.push(run);
  }

  /** `kill -9`. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#waiting = [];
    for (const run of this.#onDeath.splice(0)) run();
  }
}
