import type { StepKind } from '../dag/step.ts';
import type { WorkerLoad } from '../fleet/worker-info.ts';
import type { TenantId, WorkerId } from '../identity/ids.ts';
import { err, ok, type Result } from '../result/result.ts';
import type { WaitReason } from '../run/run-status.ts';

/** What a task asks of its worker. */
export interface PlacementRequest<W extends WorkerLoad = WorkerLoad> {
  /** Whose it is: workers of other tenants do not count. Absent: any worker will do. */
  readonly tenant?: TenantId;
  readonly selector: { readonly [label: string]: string };
  readonly kind: StepKind;
  /** Bytes of the task's snapshot that this worker lacks; absent when the task needs none. Asked once per candidate, so it must be cheap. */
  readonly missingBytes?: (worker: W) => number;
}

/**
 * The worker that a task goes to. Only accepting workers with every label, the kind and a free slot count; among them the one that lacks the
 * fewest bytes of the snapshot wins, then the most free slots, then the least worker id: a transfer is saved when it costs no waiting.
 * Otherwise why the task waits. A `call` goes to no worker.
 */
export const placeTask = <W extends WorkerLoad>(
  task: PlacementRequest<W>,
  workers: readonly W[],
): Result<WorkerId, WaitReason> => {
  let connected = false;
  let matching = false;
  let best: W | undefined;
  let bestMissing = 0;
  for (const worker of workers) {
    if (!worker.accepting || !isOfTenant(task, worker)) continue;
    connected = true;
    if (!fits(task, worker)) continue;
    matching = true;
    if (worker.free <= 0) continue;
    const missing = task.missingBytes?.(worker) ?? 0;
    if (best === undefined || isBetter(worker, missing, best, bestMissing)) {
      best = worker;
      bestMissing = missing;
    }
  }
  if (best !== undefined) return ok(best.workerId);
  return err(matching ? 'all_slots_busy' : connected ? 'no_worker_matches' : 'no_worker_connected');
};

const isOfTenant = (task: Pick<PlacementRequest, 'tenant'>, worker: Pick<WorkerLoad, 'tenant'>): boolean =>
  task.tenant === undefined || worker.tenant === undefined || task.tenant === worker.tenant;

/** Whether a worker of this tenant, with these labels and kinds, could do such tasks, were a slot free. */
export const fits = (
  task: Pick<PlacementRequest, 'tenant' | 'selector' | 'kind'>,
  worker: Pick<WorkerLoad, 'tenant' | 'labels' | 'kinds'>,
): boolean => {
  if (task.kind === 'call' || !isOfTenant(task, worker) || !worker.kinds.includes(task.kind)) return false;
  for (const label in task.selector) {
    if (!Object.hasOwn(worker.labels, label) || worker.labels[label] !== task.selector[label]) return false;
  }
  return true;
};

const isBetter = (worker: WorkerLoad, missing: number, best: WorkerLoad, bestMissing: number): boolean => {
  if (missing !== bestMissing) return missing < bestMissing;
  if (worker.free !== best.free) return worker.free > best.free;
  return worker.workerId < best.workerId;
};
