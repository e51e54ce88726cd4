import type { ErrorCode, RolloutId, RolloutRecord } from '@skein/domain';

/** Failures that say more of the infrastructure than of the version. */
const infrastructure: ReadonlySet<ErrorCode> = new Set([
  'unavailable',
  'resource_exhausted',
  'deadline_exceeded',
  'internal',
]);

/** What was noticed in one epoch of a rollout. */
interface Unbuildable {
  readonly epoch: number;
  readonly why: string;
}

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
  readonly #unbuildable = new Map<RolloutId, Unbuildable>();

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
    readonly unbuildable?: string;
  } {
    const noticed = this.#unbuildable.get(id);
    const unbuildable = noticed?.epoch === epoch ? { unbuildable: noticed.why } : {};
    const counts = this.#counts.get(id);
    if (counts === undefined || counts.epoch !== epoch) return { consecutiveFailures: 0, ...unbuildable };
    const { failures, stableSucceededAt } = counts;
    return {
      consecutiveFailures: failures,
      ...(stableSucceededAt === undefined ? {} : { stableSucceededAt }),
      ...unbuildable,
    };
  }

  /** The snapshot of a candidate cannot be built: whoever would get it gets the stable version. */
  cannotBuild({ id, epoch }: Pick<RolloutRecord, 'id' | 'epoch'>, why: string): void {
    this.#unbuildable.set(id, { epoch, why });
  }

  /** Forgets all but these. */
  retain(rolloutIds: ReadonlySet<RolloutId>): void {
    for (const noted of [this.#counts, this.#unbuildable])
      for (const id of noted.keys()) if (!rolloutIds.has(id)) noted.delete(id);
  }
}
