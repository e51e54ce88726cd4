import type { RunId } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import { FairQueue } from '../dispatch/fair-queue.ts';
import type { Engine } from '../engine/engine.ts';
import { AdmissionBackoff } from './admission-backoff.ts';

/** Runs of the store's order among which the next is chosen. */
const candidates = 64;

/** Whose turn it is. */
export interface NextInTurn {
  /** Runs that are to be published. */
  readonly hinted: readonly RunHead[];
  /** Runs that were published a sweep ago and still wait: they are in need of no hint any more. */
  readonly direct: readonly RunHead[];
}

/**
 * Which of the queued runs come next, by the rule that also gives out slots. The order lives on between two looks, so that a DAG which was
 * served stays behind those that were not.
 */
export class QueuedOrder {
  readonly backoff = new AdmissionBackoff();
  readonly #order = new FairQueue<RunHead>();
  /** When runs that still wait were published from here (monotonic ms). */
  readonly #published = new Map<RunId, number>();

  /** The hint is on its way. */
  published(heads: readonly RunHead[], now: number): void {
    for (const { runId } of heads) if (!this.#published.has(runId)) this.#published.set(runId, now);
  }

  /** The hint arrived. */
  arrived(runId: RunId): void {
    this.#published.delete(runId);
  }

  /** At most `room` runs of the store's order. Throws what the store throws. */
  async next(engine: Engine, room: number): Promise<NextInTurn> {
    // Runs that stay away take nobody's place among the candidates.
    const limit = Math.max(room + 1, candidates) + this.backoff.size;
    const heads = await engine.deps.runs.nextQueued([...engine.runs.shards], limit);
    engine.window.backlog = heads.length > 0;
    const now = engine.deps.clock.monotonicMs();
    const waiting = new Set(heads.map(({ runId }) => runId));
    for (const runId of this.#published.keys()) if (!waiting.has(runId)) this.#published.delete(runId);
    const overdue = now - engine.config.sweepMs;
    const isOverdue = ({ runId }: RunHead): boolean => (this.#published.get(runId) ?? now) <= overdue;
    const wanted = this.#inTurn(engine, heads, room, now);
    return { hinted: wanted.filter((head) => !isOverdue(head)), direct: wanted.filter(isOverdue) };
  }

  #inTurn(engine: Engine, heads: readonly RunHead[], room: number, now: number): RunHead[] {
    this.backoff.expire(now);
    const queued = new Map(
      heads.filter(({ runId }) => !this.backoff.staysAway(runId, now)).map((head) => [head.runId, head] as const),
    );
    for (const run of this.#order.runs) if (!queued.has(run.runId)) this.#order.set(run, 0, 0);
    for (const head of [...queued.values()].sort((a, b) => a.createdAt - b.createdAt)) {
      if (!this.#order.has(head.runId) && !engine.runs.isUndrivable(head.runId))
        this.#order.set(head, 1, head.createdAt);
    }
    const next: RunHead[] = [];
    while (next.length < room) {
      const head = this.#order.take(engine.deps.clock.now());
      if (head === undefined) break;
      next.push(head);
    }
    return next;
  }
}
