/** When a process that ended is started again. Milliseconds. */
export interface RestartPolicy {
  /** Delay after the first failure in a row. */
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** A process that lived this long was healthy: the count starts again. */
  readonly healthyAfterMs: number;
}

/** Starts again at once, then ever slower up to 10 s; 30 s of health forgive. */
export const defaultRestartPolicy: RestartPolicy = { baseMs: 100, factor: 2, maxMs: 10_000, healthyAfterMs: 30_000 };

/** Failures in a row, this one included. */
export const countFailures = (policy: RestartPolicy, earlier: number, livedMs: number): number =>
  livedMs >= policy.healthyAfterMs ? 1 : earlier + 1;

/** The delay before the next start: exponential, with a quarter of jitter by `draw` in [0, 1). Never above `maxMs`. */
export const restartDelayMs = (policy: RestartPolicy, failures: number, draw: number): number => {
  const full = Math.min(policy.maxMs, policy.baseMs * policy.factor ** Math.min(Math.max(0, failures - 1), 64));
  return Math.round(full * (0.75 + 0.25 * draw));
};
