import type { Clock } from '@skein/ports';

/** One hand-out of this process. */
export interface Claim {
  readonly name: string;
  /** The job's. */
  readonly id: string;
  /** Lock token of the job. */
  readonly token: string;
  /** Others do not see the hint until this instant (monotonic ms). */
  readonly until: number;
  /** Done, as far as the holder is concerned; Redis could not be told. */
  readonly done: boolean;
}

/** What this process has claimed, and a timer for the first that lapses. */
export class ClaimTable {
  readonly #clock: Clock;
  readonly #onLapse: (claims: readonly Claim[]) => void;
  readonly #claims = new Map<string, Claim>();
  #timerAt = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(clock: Clock, onLapse: (claims: readonly Claim[]) => void) {
    this.#clock = clock;
    this.#onLapse = onLapse;
  }

  add(claim: Claim): void {
    this.#claims.set(claim.name, claim);
    if (claim.until < this.#timerAt) this.#arm(claim.until);
  }

  /** Takes those that are known out of the table. */
  take(names: readonly string[]): readonly Claim[] {
    return names.flatMap((name) => {
      const claim = this.#claims.get(name);
      this.#claims.delete(name);
      return claim === undefined ? [] : [claim];
    });
  }

  /** Empties the table and ends the timer. */
  clear(): readonly Claim[] {
    this.#cancel();
    this.#timerAt = Number.POSITIVE_INFINITY;
    const all = [...this.#claims.values()];
    this.#claims.clear();
    return all;
  }

  #arm(at: number): void {
    this.#cancel();
    this.#timerAt = at;
    this.#cancel = this.#clock.after(at - this.#clock.monotonicMs(), () => this.#lapse());
  }

  #lapse(): void {
    const now = this.#clock.monotonicMs();
    const lapsed = [...this.#claims.values()].filter(({ until }) => until <= now);
    for (const { name } of lapsed) this.#claims.delete(name);
    this.#timerAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const { until } of this.#claims.values()) next = Math.min(next, until);
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
    if (lapsed.length > 0) this.#onLapse(lapsed);
  }
}
