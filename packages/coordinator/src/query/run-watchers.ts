import type { RunId } from '@skein/domain';

/** Wake-ups for those who follow a run. They carry nothing: a reader reads from the store at its own speed. */
export class RunWatchers {
  readonly #byRun = new Map<RunId, Set<() => void>>();

  /** Calls `wake` after each durable append of the run; the returned function ends that. */
  watch(runId: RunId, wake: () => void): () => void {
    let wakes = this.#byRun.get(runId);
    if (wakes === undefined) {
      wakes = new Set();
      this.#byRun.set(runId, wakes);
    }
    wakes.add(wake);
    const own = wakes;
    return () => {
      own.delete(wake);
      if (own.size === 0 && this.#byRun.get(runId) === own) this.#byRun.delete(runId);
    };
  }

  notify(runId: RunId): void {
    const wakes = this.#byRun.get(runId);
    if (wakes === undefined) return;
    for (const wake of wakes) wake();
  }
}
