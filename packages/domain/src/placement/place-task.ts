import type { StepKind } from '../dag/step.ts';
import type { WorkerLoad } from '../fleet/worker-info.ts';
import type { Digest, WorkerId } from '../identity/ids.ts';
import { err, ok, type Result } from '../result/result.ts';
import type { WaitReason } from '../run/run-status.ts';

/** What a task asks of its worker. */
export interface PlacementRequest {
  readonly selector: { readonly [label: string]: string };
  readonly kind: StepKind;
  readonly snapshot?: Digest;
}

/**
 * The worker that a task goes to. Only accepting workers with every label, the kind and a free slot count; among them one that holds the
 * snapshot wins, then the most free slots, then the least worker id. Otherwise why the task waits.
 */
export const placeTask = (task: PlacementRequest, workers: readonly WorkerLoad[]): Result<WorkerId, WaitReason> => {
  let connected = false;
  let matching = false;
  let best: WorkerLoad | undefined;
  let bestHolds = false;
  for (const worker of workers) {
    if (!worker.accepting) continue;
    connected = true;
    if (!matches(task, worker)) continue;
    matching = true;
    if (worker.free <= 0) continue;
    const holds = task.snapshot !== undefined && worker.holds?.(task.snapshot) === true;
    if (best === undefined || isBetter(worker, holds, best, bestHolds)) {
      best = worker;
      bestHolds = holds;
    }
  }
  if (best !== undefined) return ok(best.workerId);
  return err(matching ? 'all_slots_busy' : connected ? 'no_worker_matches' : 'no_worker_connected');
};

const matches = (task: PlacementRequest, worker: WorkerLoad): boolean => {
  if (!worker.kinds.includes(task.kind)) return false;
  for (const label in task.selector) {
    if (!Object.hasOwn(worker.labels, label) || worker.labels[label] !== task.selector[label]) return false;
  }
  return true;
};

const isBetter = (worker: WorkerLoad, holds: boolean, best: WorkerLoad, bestHolds: boolean): boolean => {
  if (holds !== bestHolds) return holds;
  if (worker.free !== best.free) return worker.free > best.free;
  return worker.workerId < best.workerId;
};
