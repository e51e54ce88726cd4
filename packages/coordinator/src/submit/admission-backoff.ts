import type { RunId } from '@skein/domain';

/** Waits of a run between two admissions that failed, in ms: doubled each time up to the last. Sweeps end them. */
const firstWaitMs = 500;
const maxWaitMs = 10_000;

/** Queued runs whose admission failed, and how long each stays away. Instants are monotonic ms. */
export class AdmissionBackoff {
  readonly #failed = new Map<RunId, { readonly failures: number; readonly until: number }>();

  /** Runs that stay away, or did a short while ago. */
  get size(): number {
    return this.#failed.size;
  }

  failed(runId: RunId, now: number): void {
    const failures = (this.#failed.get(runId)?.failures ?? 0) + 1;
    const waitMs = Math.min(maxWaitMs, firstWaitMs * 2 ** Math.min(10, failures - 1));
    this.#failed.set(runId, { failures, until: now + waitMs });
  }

  forget(runId: RunId): void {
    this.#failed.delete(runId);
  }

  staysAway(runId: RunId, now: number): boolean {
    return (this.#failed.get(runId)?.until ?? now) > now;
  }

  /** Forgets runs whose wait has long been over: they left the queue in another way. */
  expire(now: number): void {
    for (const [runId, { until }] of this.#failed) if (until + maxWaitMs < now) this.#failed.delete(runId);
  }
}
