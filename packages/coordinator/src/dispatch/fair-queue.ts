import type { RunId, TenantId } from '@skein/domain';
import { Heap } from '../engine/heap.ts';

/** A run that waits for slots. */
export interface WaitingRun {
  readonly tenant: TenantId;
  readonly dag: string;
  readonly runId: RunId;
  readonly priority: number;
}

interface Entry<R> {
  readonly run: R;
  /** Smaller leaves first: the instant at which it began to wait, moved by its priority. */
  readonly rank: number;
  wanted: number;
}

interface Lane<R> {
  served: number;
  readonly heap: Heap<Entry<R>>;
}

interface TenantLane<R> {
  served: number;
  readonly dags: Map<string, Lane<R>>;
}

/** One step of priority is worth so many ms of waiting. */
export const priorityAgeMs = 10_000;

/**
 * Who gets the next slot: the tenant that was served longest ago, in it the DAG that was served longest ago, in it the run
 * that waits longest; a step of priority counts like ten seconds of waiting, so that a low one is late but never starved.
 */
export class FairQueue<R extends WaitingRun> {
  readonly #tenants = new Map<TenantId, TenantLane<R>>();
  readonly #entries = new Map<RunId, Entry<R>>();
  #served = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(runId: RunId): boolean {
    return this.#entries.has(runId);
  }

  /** The run wants `wanted` slots in all; 0 takes it out. A run that waits already keeps its place. */
  set(run: R, wanted: number, now: number): void {
    const known = this.#entries.get(run.runId);
    if (wanted <= 0) {
      if (known !== undefined) known.wanted = 0;
      this.#entries.delete(run.runId);
      return;
    }
    if (known !== undefined && known.run === run) {
      known.wanted = wanted;
      return;
    }
    if (known !== undefined) known.wanted = 0;
    const entry: Entry<R> = { run, rank: now - run.priority * priorityAgeMs, wanted };
    this.#entries.set(run.runId, entry);
    this.#lane(run).heap.push(entry);
  }

  /** The next run; it wants one slot less now, and goes behind its equals if it wants more. */
  take(now: number): R | undefined {
    const lane = this.#next();
    const entry = lane?.heap.pop();
    if (lane === undefined || entry === undefined) return undefined;
    this.#entries.delete(entry.run.runId);
    if (entry.wanted > 1) this.set(entry.run, entry.wanted - 1, now);
    return entry.run;
  }

  #next(): Lane<R> | undefined {
    let best: { readonly tenant: TenantLane<R>; readonly lane: Lane<R> } | undefined;
    for (const [name, tenant] of this.#tenants) {
      for (const [dag, lane] of tenant.dags) {
        while (lane.heap.peek()?.wanted === 0) lane.heap.pop();
        if (lane.heap.size === 0) {
          tenant.dags.delete(dag);
          continue;
        }
        const earlier =
          best === undefined ||
          tenant.served < best.tenant.served ||
          (tenant === best.tenant && lane.served < best.lane.served);
        if (earlier) best = { tenant, lane };
      }
      if (tenant.dags.size === 0) this.#tenants.delete(name);
    }
    if (best === undefined) return undefined;
    this.#served += 1;
    best.tenant.served = this.#served;
    best.lane.served = this.#served;
    return best.lane;
  }

  #lane(run: R): Lane<R> {
    let tenant = this.#tenants.get(run.tenant);
    if (tenant === undefined) {
      tenant = { served: this.#served, dags: new Map() };
      this.#tenants.set(run.tenant, tenant);
    }
    let lane = tenant.dags.get(run.dag);
    if (lane === undefined) {
      lane = { served: this.#served, heap: new Heap((a, b) => a.rank < b.rank) };
      tenant.dags.set(run.dag, lane);
    }
    return lane;
  }
}
