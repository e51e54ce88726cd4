import type { RunActor } from '../run/run-actor.ts';

/** How many runs are open at once; the rest waits in the store, in the store's order. */
export class AdmissionWindow {
  readonly #size: () => number;
  readonly #onRoom: () => void;
  #open = 0;
  /** Admissions that are being prepared. */
  #preparing = 0;
  /** Runs wait in the store: a new one must not overtake them. */
  backlog = false;

  constructor(size: () => number, onRoom: () => void) {
    this.#size = size;
    this.#onRoom = onRoom;
  }

  get open(): number {
    return this.#open;
  }

  get room(): number {
    return Math.max(0, this.#size() - this.#open - this.#preparing);
  }

  /** Takes a place for an admission that is being prepared; the returned function gives it back, once. */
  reserve(): () => void {
    this.#preparing += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#preparing -= 1;
    };
  }

  /**
   * Called runs do not count: one that waited for its caller to end would wait for ever. Nor do evaluation runs, which keep nobody's run
   * waiting; those who start them bound their number.
   */
  entered(actor: RunActor): void {
    const { kind } = actor.state.source;
    if (actor.counted || kind === 'call' || kind === 'evaluation') return;
    actor.counted = true;
    this.#open += 1;
  }

  left(actor: RunActor): void {
    if (!actor.counted) return;
    actor.counted = false;
    this.#open -= 1;
    if (this.backlog) this.#onRoom();
  }
}
