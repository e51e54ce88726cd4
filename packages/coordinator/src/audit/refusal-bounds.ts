import type { Clock } from '@skein/ports';
import { recentValues } from '../engine/recent-values.ts';

interface Window {
  begin: number;
  taken: number;
  suppressed: number;
}

const windowMs = 60_000;
/** Refusals of one actor, and of all together, that are written down in one window. */
const perActor = 20;
const inAll = 2_000;

/** How often refusals are written down: whoever tries a million tokens makes few rows. */
export class RefusalBounds {
  readonly #clock: Clock;
  readonly #byActor = recentValues<string, Window>(10_000);
  readonly #all: Window = { begin: 0, taken: 0, suppressed: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many of this actor's were passed over since the last one that was taken; undefined: this one is passed over too. */
  take(actor: string): number | undefined {
    const now = this.#clock.monotonicMs();
    let own = this.#byActor.get(actor);
    if (own === undefined) {
      own = { begin: now, taken: 0, suppressed: 0 };
      this.#byActor.set(actor, own);
    }
    for (const window of [own, this.#all]) {
      if (now - window.begin < windowMs) continue;
      window.begin = now;
      window.taken = 0;
    }
    if (own.taken >= perActor || this.#all.taken >= inAll) {
      own.suppressed += 1;
      return undefined;
    }
    own.taken += 1;
    this.#all.taken += 1;
    const { suppressed } = own;
    own.suppressed = 0;
    return suppressed;
  }
}
