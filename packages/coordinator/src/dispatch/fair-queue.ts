import type { RunId, TenantId } from '@skein/domain';
import { waitingPriority } from '@skein/domain';

/** A run that waits for slots. */
export interface WaitingRun {
  readonly tenant: TenantId;
  readonly dag: string;
  readonly runId: RunId;
  readonly priority: number;
}

interface Entry<R> {
  readonly run: R;
  /** Since when it waits, in ms. */
  readonly since: number;
  wanted: number;
}

interface Lane<R> {
  served: number;
  /** By priority; in each those that wait, the longest first. */
  readonly waiting: Map<number, Map<RunId, Entry<R>>>;
}

interface TenantLane<R> {
  served: number;
  readonly dags: Map<string, Lane<R>>;
}

interface Candidate<R> {
  readonly tenant: TenantLane<R>;
  readonly lane: Lane<R>;
  readonly entry: Entry<R>;
  readonly level: number;
}

/** True when `a` goes before `b`: see `waitingPriority`. */
const goesBefore = <R>(a: Candidate<R>, b: Candidate<R>): boolean => {
  if (a.level !== b.level) return a.level > b.level;
  if (a.tenant !== b.tenant) return a.tenant.served < b.tenant.served;
  if (a.lane !== b.lane) return a.lane.served < b.lane.served;
  return a.entry.since < b.entry.since;
};

/**
 * Who gets the next slot, by the rule of `waitingPriority`: the higher priority, which rises with waiting, then turns of tenant and DAG,
 * then the run that waits longest. Costs grow with the tenants, DAGs and priorities that wait, not with the runs; nothing stays of
 * a run that no longer waits.
 */
export class FairQueue<R extends WaitingRun> {
  readonly #tenants = new Map<TenantId, TenantLane<R>>();
  readonly #entries = new Map<RunId, Entry<R>>();
  #served = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** All that wait, in no order. */
  get runs(): readonly R[] {
    return [...this.#entries.values()].map(({ run }) => run);
  }

  has(runId: RunId): boolean {
    return this.#entries.has(runId);
  }

  /** The run wants `wanted` slots in all; 0 takes it out. A run that waits already keeps its place. `now` must not fall. */
  set(run: R, wanted: number, now: number): void {
    const known = this.#entries.get(run.runId);
    if (known !== undefined && known.run === run && wanted > 0) {
      known.wanted = wanted;
      return;
    }
    if (known !== undefined) this.#remove(known);
    if (wanted <= 0) return;
    const entry: Entry<R> = { run, since: now, wanted };
    this.#entries.set(run.runId, entry);
    const { waiting } = this.#lane(run);
    const level = waiting.get(run.priority) ?? new Map<RunId, Entry<R>>();
    waiting.set(run.priority, level);
    level.set(run.runId, entry);
  }

  /** What they want in all, by tenant, up to `limit` each: of the runs that `accepts` takes. Costs grow with the limit, not with the runs. */
  wanted(limit: number, accepts: (run: R) => boolean): readonly { readonly run: R; readonly count: number }[] {
    const sums: { run: R; count: number }[] = [];
    for (const { dags } of this.#tenants.values()) {
      let best: R | undefined;
      let count = 0;
      for (const { waiting } of dags.values()) {
        for (const level of waiting.values()) {
          for (const { run, wanted } of level.values()) {
            if (!accepts(run)) continue;
            count += wanted;
            if (best === undefined || run.priority > best.priority) best = run;
            if (count >= limit) break;
          }
        }
      }
      if (best !== undefined) sums.push({ run: best, count: Math.min(count, limit) });
    }
    return sums;
  }

  /** The next run of those that `accepts` takes; it wants one slot less now, and goes behind its equals if it wants more. */
  take(now: number, accepts?: (run: R) => boolean): R | undefined {
    const first = this.#first(now, accepts);
    if (first === undefined) return undefined;
    const { tenant, lane, entry } = first;
    this.#served += 1;
    tenant.served = this.#served;
    lane.served = this.#served;
    // Put back before the other is removed, so that its lane keeps its turn.
    const { run, wanted } = entry;
    if (wanted > 1) {
      lane.waiting.get(run.priority)?.delete(run.runId);
      const again: Entry<R> = { run, since: now, wanted: wanted - 1 };
      this.#entries.set(run.runId, again);
      lane.waiting.get(run.priority)?.set(run.runId, again);
    } else {
      this.#remove(entry);
    }
    return run;
  }

  #first(now: number, accepts?: (run: R) => boolean): Candidate<R> | undefined {
    let highest = Number.NEGATIVE_INFINITY;
    for (const { dags } of this.#tenants.values())
      for (const { waiting } of dags.values())
        for (const priority of waiting.keys()) highest = Math.max(highest, priority);
    let best: Candidate<R> | undefined;
    for (const tenant of this.#tenants.values()) {
      for (const lane of tenant.dags.values()) {
        for (const [priority, level] of lane.waiting) {
          for (const entry of level.values()) {
            if (accepts !== undefined && !accepts(entry.run)) continue;
            const candidate = { tenant, lane, entry, level: waitingPriority(priority, now - entry.since, highest) };
            if (best === undefined || goesBefore(candidate, best)) best = candidate;
            break;
          }
        }
      }
    }
    return best;
  }

  #remove({ run }: Entry<R>): void {
    this.#entries.delete(run.runId);
    const tenant = this.#tenants.get(run.tenant);
    const lane = tenant?.dags.get(run.dag);
    const level = lane?.waiting.get(run.priority);
    level?.delete(run.runId);
    if (level?.size === 0) lane?.waiting.delete(run.priority);
    if (lane?.waiting.size === 0) tenant?.dags.delete(run.dag);
    if (tenant?.dags.size === 0) this.#tenants.delete(run.tenant);
  }

  #lane(run: R): Lane<R> {
    let tenant = this.#tenants.get(run.tenant);
    if (tenant === undefined) {
      tenant = { served: this.#served, dags: new Map() };
      this.#tenants.set(run.tenant, tenant);
    }
    let lane = tenant.dags.get(run.dag);
    if (lane === undefined) {
      lane = { served: this.#served, waiting: new Map() };
      tenant.dags.set(run.dag, lane);
    }
    return lane;
  }
}
