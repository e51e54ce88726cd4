import type { ErrorCode, RolloutId, RolloutRecord } from '@skein/domain';

/** Failures that say more of the infrastructure than of the version. */
const infrastructure: ReadonlySet<ErrorCode> = new Set([
  'unavailable',
  'resource_exhausted',
  'deadline_exceeded',
  'internal',
]);

interface Counts {
  epoch: number;
  failures: number;
  stableSucceededAt?: number;
}

/**
 * Consecutive infrastructure failures on candidates, in order of arrival, and when the stable version last succeeded (g.8). In memory only: what it
 * leads to is reversible, and what is lost with it is found by the tests, from rows.
 */
export class BreakerCounts {
  readonly #counts = new Map<RolloutId, Counts>();

  /** The first attempt of a step that the segments routed has ended. `failure`: absent when it succeeded. */
  saw(
    rolloutId: RolloutId,
    seen: { readonly epoch: number; readonly arm: number; readonly failure?: ErrorCode; readonly at: number },
  ): void {
    let counts = this.#counts.get(rolloutId);
    // What began before the weights were last changed says nothing of what they are now.
    if (counts !== undefined && seen.epoch < counts.epoch) return;
    if (counts === undefined || seen.epoch > counts.epoch) {
      counts = { epoch: seen.epoch, failures: 0 };
      this.#counts.set(rolloutId, counts);
    }
    const failed = seen.failure !== undefined && infrastructure.has(seen.failure);
    if (seen.arm === 0) {
      if (seen.failure === undefined) counts.stableSucceededAt = seen.at;
    } else {
      counts.failures = failed ? counts.failures + 1 : 0;
    }
  }

  /** Counts of the rollout's present epoch. */
  of({ id, epoch }: Pick<RolloutRecord, 'id' | 'epoch'>): {
    readonly consecutiveFailures: number;
    readonly stableSucceededAt?: number;
  } {
    const counts = this.#counts.get(id);
    if (counts === undefined || counts.epoch !== epoch) return { consecutiveFailures: 0 };
    const { failures, stableSucceededAt } = counts;
    return stableSucceededAt === undefined
      ? { consecutiveFailures: failures }
      : { consecutiveFailures: failures, stableSucceededAt };
  }

  /** Forgets all but these. */
  retain(rolloutIds: ReadonlySet<RolloutId>): void {
    for (const id of this.#counts.keys()) if (!rolloutIds.has(id)) this.#counts.delete(id);
  }
}
