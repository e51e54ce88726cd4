// When a worker must consider its leases lost, on its own monotonic clock.
// F1 The coordinator renews leases when it receives a heartbeat, so a lease ends no earlier than the *send* time of the last
//    answered heartbeat plus the lease; the worker stops one margin before that.
// F2 An unanswered heartbeat proves nothing either way and moves nothing.
// F3 A late timer (a paused process) is no excuse: whoever acts for a task asks `isDue` first.
import type { Clock } from '@skein/ports';

/** Watches over the time up to which the worker may act for the tasks that it holds. */
export class LeaseFence {
  readonly #clock: Clock;
  readonly #marginMs: number;
  readonly #onDue: () => void;
  readonly #onChange: (remainingMs: number) => void;
  #acceptedSendMs: number | undefined;
  #leaseMs = 0;
  #cancelTimer: (() => void) | undefined;

  /** `onChange` is told for how long the worker may act from now on; 0: not any more. */
  constructor(
    clock: Clock,
    marginMs: number,
    onDue: () => void,
    onChange: (remainingMs: number) => void = () => undefined,
  ) {
    this.#clock = clock;
    this.#marginMs = marginMs;
    this.#onDue = onDue;
    this.#onChange = onChange;
  }

  /** A new session: its hello counts as the first accepted heartbeat. */
  begin(leaseMs: number, sentAtMs: number): void {
    this.#leaseMs = leaseMs;
    this.#acceptedSendMs = undefined;
    this.accept(sentAtMs);
  }

  /** A heartbeat that was sent at `sentAtMs` was answered. Older ones change nothing. */
  accept(sentAtMs: number): void {
    if (this.#acceptedSendMs !== undefined && sentAtMs <= this.#acceptedSendMs) return;
    this.#acceptedSendMs = sentAtMs;
    this.#onChange(this.#dueAtMs(sentAtMs) - this.#clock.monotonicMs());
    this.#arm();
  }

  /** True when the leases may be over (F3); false before the first session. */
  isDue(): boolean {
    return this.#acceptedSendMs !== undefined && this.#clock.monotonicMs() >= this.#dueAtMs(this.#acceptedSendMs);
  }

  /** Forgets the session; nothing is due until the next `begin`. */
  end(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#acceptedSendMs = undefined;
    this.#onChange(0);
  }

  #dueAtMs(acceptedSendMs: number): number {
    return acceptedSendMs + Math.max(0, this.#leaseMs - this.#marginMs);
  }

  #arm(): void {
    this.#cancelTimer?.();
    if (this.#acceptedSendMs === undefined) return;
    const delayMs = Math.max(0, this.#dueAtMs(this.#acceptedSendMs) - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      if (this.isDue()) this.#onDue();
      else this.#arm();
    });
  }
}
