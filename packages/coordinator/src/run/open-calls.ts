import type { RunId, StepPath, TenantId } from '@skein/domain';
import type { Clock } from '@skein/ports';

/** Which call of which run. The child's id names it: every call, and every attempt of it, has its own. */
export interface CallRef {
  readonly tenant: TenantId;
  readonly parentRunId: RunId;
  readonly step: StepPath;
  readonly childRunId: RunId;
}

/** What a look at a call found: nothing to do until something happens, or a store that did not answer. */
export type CallOutcome = 'settled' | 'later';

/** Looks at the same time. */
const maxLooks = 64;

/** Waits between two looks when a store does not answer, in ms: doubled each time up to the last. */
const firstWaitMs = 100;
const maxWaitMs = 5_000;

interface Look {
  readonly ref: CallRef;
  /** Asked for again while it was under way: something happened meanwhile. */
  again: boolean;
  failures: number;
}

/**
 * Keeps the calls of runs going: whoever learns something of a call has it looked at, and a look does whatever is due. Looks are
 * level-triggered, so that one that is lost, doubled or late changes nothing.
 *  C1 one look at a call at a time
 *  C2 what happens during a look makes another one
 *  C3 a look that fails is repeated until it does not
 */
export class OpenCalls {
  readonly #clock: Clock;
  readonly #look: (ref: CallRef, failures: number) => Promise<CallOutcome>;
  readonly #looks = new Map<RunId, Look>();
  readonly #waiting: Look[] = [];
  #busy = 0;
  #closed = false;

  /** `look` must not reject. */
  constructor(clock: Clock, look: (ref: CallRef, failures: number) => Promise<CallOutcome>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Has a call looked at, soon. */
  tend(ref: CallRef): void {
    if (this.#closed) return;
    const known = this.#looks.get(ref.childRunId);
    if (known !== undefined) {
      known.again = true;
      return;
    }
    const look: Look = { ref, again: false, failures: 0 };
    this.#looks.set(ref.childRunId, look);
    this.#waiting.push(look);
    this.#next();
  }

  /** Looks no more. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#looks.clear();
  }

  #next(): void {
    while (this.#busy < maxLooks && !this.#closed) {
      const look = this.#waiting.shift();
      if (look === undefined) return;
      this.#busy += 1;
      look.again = false;
      void this.#look(look.ref, look.failures).then((outcome) => {
        this.#busy -= 1;
        this.#after(look, outcome);
        this.#next();
      });
    }
  }

  #after(look: Look, outcome: CallOutcome): void {
    if (this.#closed) return;
    if (outcome === 'later') {
      const waitMs = Math.min(maxWaitMs, firstWaitMs * 2 ** Math.min(10, look.failures));
      look.failures += 1;
      this.#clock.after(waitMs, () => {
        this.#waiting.push(look);
        this.#next();
      });
    } else if (look.again) {
      look.failures = 0;
      this.#waiting.push(look);
    } else {
      this.#looks.delete(look.ref.childRunId);
    }
  }
}
