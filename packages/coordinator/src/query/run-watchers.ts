import type { RunId } from '@skein/domain';

/** Wake-ups for those who follow a run. They carry nothing: a reader reads from the store at its own speed. */
export class RunWatchers {
  readonly #byRun = new Map<RunId, Set<() => void>>();
  /** Set where others want to know of appends, and of who is watched. */
  onNotify: ((runId: RunId) => void) | undefined;
  onWatched: (() => void) | undefined;

  /** Runs that somebody follows here. */
  get watched(): Iterable<RunId> {
    return this.#byRun.keys();
  }

  /** Calls `wake` after each durable append of the run; the returned function ends that. */
  watch(runId: RunId, wake: () => void): () => void {
    let wakes = this.#byRun.get(runId);
    if (wakes === undefined) {
      wakes = new Set();
      this.#byRun.set(runId, wakes);
      this.onWatched?.();
    }
    wakes.add(wake);
    const own = wakes;
    return () => {
      own.delete(wake);
      if (own.size > 0 || this.#byRun.get(runId) !== own) return;
      this.#byRun.delete(runId);
      this.onWatched?.();
    };
  }

  notify(runId: RunId): void {
    this.onNotify?.(runId);
    const wakes = this.#byRun.get(runId);
    if (wakes === undefined) return;
    for (const wake of wakes) wake();
  }
}
