import type { TaskRef, TenantId } from '@skein/domain';
import type { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { recentValues } from '../engine/recent-values.ts';

/** What a worker without the lease tried to write, or to read for a task. */
export type FencedWrite =
  | 'result'
  | 'checkpoint'
  | 'log'
  | 'store_blob'
  | 'fetch_blob'
  | 'fetch_snapshot'
  | 'fetch_part'
  | 'read_secret';

/** Tasks whose refusal was told; a worker that repeats itself is counted, not told again. */
export type FencedTasks = LRUCache<string, true>;

/** How many refusals are remembered. */
const maxFenced = 10_000;

/** No refusal yet. */
export const createFencedTasks = (): FencedTasks => recentValues<string, true>(maxFenced);

/** Counts a write that was refused because its token is not the current one (D3). */
export const countFenced = (engine: Engine, kind: FencedWrite): void =>
  engine.deps.meter.count(metric.fencedWrites, 1, { kind });

/** Counts it, and puts one event per task into the delivery stream: for results and checkpoints, which were work. */
export const tellFenced = (
  engine: Engine,
  tenant: TenantId,
  task: TaskRef,
  kind: 'result' | 'checkpoint',
  reason: 'stale' | 'conflict',
): void => {
  countFenced(engine, kind);
  const { runId, step, attempt, token } = task;
  const itemId = `${runId}:${step}:${token}`;
  const key = `${kind} ${itemId}`;
  if (engine.fenced.has(key)) return;
  engine.fenced.set(key, true);
  engine.events.add({
    tenant,
    kind: 'fenced',
    at: engine.deps.clock.now(),
    itemId,
    runId,
    step,
    reason: `${reason}_${kind}`,
    attempts: attempt,
  });
};
