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
 *  C4 runs that call take turns
 */
export class OpenCalls {
  readonly #clock: Clock;
  readonly #look: (ref: CallRef, failures: number) => Promise<CallOutcome>;
  readonly #looks = new Map<RunId, Look>();
  /** By the run that calls; those that call take turns, so that a wide fan-out does not hold up other runs. */
  readonly #waiting = new Map<RunId, Set<Look>>();
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
    this.#wait(look);
    this.#next();
  }

  /** Looks no more. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#looks.clear();
  }

  #wait(look: Look): void {
    const { parentRunId } = look.ref;
    const looks = this.#waiting.get(parentRunId) ?? new Set();
    looks.add(look);
    this.#waiting.set(parentRunId, looks);
  }

  /** The first look of the run whose turn it is, which goes behind the others. */
  #take(): Look | undefined {
    for (const [parentRunId, looks] of this.#waiting) {
      this.#waiting.delete(parentRunId);
      for (const look of looks) {
        looks.delete(look);
        if (looks.size > 0) this.#waiting.set(parentRunId, looks);
        return look;
      }
    }
    return undefined;
  }

  #next(): void {
    while (this.#busy < maxLooks && !this.#closed) {
      const look = this.#take();
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
        this.#wait(look);
        this.#next();
      });
    } else if (look.again) {
      look.failures = 0;
      this.#wait(look);
    } else {
      this.#looks.delete(look.ref.childRunId);
    }
  }
}
