import type { Clock } from '@skein/ports';

/** Wakes those who wait for a condition on somebody else's state. */
export class ChangeSignal {
  readonly #clock: Clock;
  readonly #waiters = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The state may have changed: every waiter looks again. */
  notify(): void {
    for (const waiter of this.#waiters) waiter();
  }

  /** True as soon as `holds()`, false if it did not within `withinMs`. Rejects with the signal's reason when aborted. */
  until(holds: () => boolean, withinMs?: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      if (holds()) return resolve(true);
      const look = (): void => {
        if (holds()) settle(() => resolve(true));
      };
      const onAbort = (): void => settle(() => reject(signal?.reason as Error));
      const cancelTimer =
        withinMs === undefined ? undefined : this.#clock.after(withinMs, () => settle(() => resolve(holds())));
      const settle = (finish: () => void): void => {
        this.#waiters.delete(look);
        cancelTimer?.();
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      this.#waiters.add(look);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
