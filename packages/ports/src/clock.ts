/** Time. `now` is wall time in ms since the epoch and may jump; `monotonicMs` only rises and has no meaning across processes. */
export interface Clock {
  now(): number;
  monotonicMs(): number;
  /** Resolves after `ms`, rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`; the returned function cancels it. The timer alone keeps no process alive. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` once at the end of the current event-loop turn; gathers work that should leave together. */
  endOfTurn(run: () => void): void;
}
