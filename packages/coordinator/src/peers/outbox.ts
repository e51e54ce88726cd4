import type { RunId, TaskRef, WorkerId } from '@skein/domain';
import { shardOf } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import { taskKey } from '../fleet/worker-session.ts';
import type { PeerLink } from './peer-link.ts';

/*
 * What workers of ours said of runs at home elsewhere, for as long as it may have to be said again (P3).
 *  B1 results and checkpoints stay until their run's home has answered; logs until a home was there to take them
 *  B2 in the order in which the worker said it
 *  B3 never more of one worker than the bounds: past them its stream is cut, and it says again what matters
 */

/** Messages, and their bytes, of one worker. */
const maxKept = 10_000;
const maxKeptBytes = 16 * 1024 * 1024;

/** Messages of workers about a task. */
export type TaskMessage = Exclude<
  WorkerMessage,
  { readonly type: 'hello' | 'credits' | 'heartbeat' | 'evicted' | 'draining' | 'goodbye' }
>;

/** A message that is kept. */
export interface Kept {
  readonly key: string;
  readonly runId: RunId;
  readonly shard: number;
  readonly sessionId: string;
  readonly message: TaskMessage;
  readonly bytes: number;
  /** The stream on which it was passed on last. */
  on: PeerLink | undefined;
}

/** The task that a message is about. */
export const taskOfMessage = (message: TaskMessage): TaskRef =>
  message.type === 'result' ? message.result : message.task;

/** About the length of its JSON, without making it: values may be large, and each result that is passed on is weighed. */
const weigh = (value: unknown): number => {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  let sum = 2;
  if (Array.isArray(value)) for (const one of value) sum += 1 + weigh(one);
  else for (const [name, one] of Object.entries(value)) sum += name.length + 4 + weigh(one);
  return sum;
};

const sizeOf = (message: TaskMessage): number => {
  switch (message.type) {
    case 'log':
      return message.bytes.byteLength;
    case 'result':
    case 'checkpoint':
      return weigh(message);
    default:
      return 64;
  }
};

interface Box {
  readonly kept: Kept[];
  /** How many are kept of each task. */
  readonly ofTask: Map<string, number>;
  bytes: number;
}

/** Kept messages, by worker. */
export class Outbox {
  readonly #byWorker = new Map<WorkerId, Box>();

  get size(): number {
    let size = 0;
    for (const { kept } of this.#byWorker.values()) size += kept.length;
    return size;
  }

  /** False when it is too much (B3): then nothing of the worker is kept any more. */
  keep(workerId: WorkerId, sessionId: string, message: TaskMessage, on: PeerLink | undefined): boolean {
    let box = this.#byWorker.get(workerId);
    if (box === undefined) {
      box = { kept: [], ofTask: new Map(), bytes: 0 };
      this.#byWorker.set(workerId, box);
    }
    const task = taskOfMessage(message);
    const bytes = sizeOf(message);
    if (box.kept.length >= maxKept || box.bytes + bytes > maxKeptBytes) {
      this.#byWorker.delete(workerId);
      return false;
    }
    const { runId } = task;
    const key = taskKey(task);
    // A result that is said again takes the place of the first.
    if (message.type === 'result') this.removeOf(workerId, key, ({ message: kept }) => kept.type === 'result');
    this.#byWorker.set(workerId, box);
    box.kept.push({ key, runId, shard: shardOf(runId), sessionId, message, bytes, on });
    box.ofTask.set(key, (box.ofTask.get(key) ?? 0) + 1);
    box.bytes += bytes;
    return true;
  }

  /** Removes what of a worker matches, and returns it. */
  remove(workerId: WorkerId, matches: (kept: Kept) => boolean): readonly Kept[] {
    const box = this.#byWorker.get(workerId);
    return box === undefined ? [] : this.#remove(workerId, box, matches, Number.POSITIVE_INFINITY);
  }

  /** The same of one task: answers come about in the order in which results were kept, so that few are looked at. */
  removeOf(workerId: WorkerId, key: string, matches: (kept: Kept) => boolean): readonly Kept[] {
    const box = this.#byWorker.get(workerId);
    const count = box?.ofTask.get(key);
    if (box === undefined || count === undefined) return [];
    return this.#remove(workerId, box, (kept) => kept.key === key && matches(kept), count, key);
  }

  /** Looks no further once it has seen so many of the task. */
  #remove(
    workerId: WorkerId,
    box: Box,
    matches: (kept: Kept) => boolean,
    count: number,
    key?: string,
  ): readonly Kept[] {
    const { kept, ofTask } = box;
    const removed: Kept[] = [];
    let seen = 0;
    for (let at = 0; at < kept.length && seen < count; ) {
      const one = kept[at];
      if (one?.key === key) seen += 1;
      if (one === undefined || !matches(one)) {
        at += 1;
        continue;
      }
      kept.splice(at, 1);
      box.bytes -= one.bytes;
      const left = (ofTask.get(one.key) ?? 1) - 1;
      if (left === 0) ofTask.delete(one.key);
      else ofTask.set(one.key, left);
      removed.push(one);
    }
    if (kept.length === 0) this.#byWorker.delete(workerId);
    return removed;
  }

  /** All that is kept, worker by worker, each in order (B2). */
  *all(): Iterable<readonly [WorkerId, Kept]> {
    for (const [workerId, { kept }] of this.#byWorker) for (const one of kept) yield [workerId, one];
  }

  workers(): readonly WorkerId[] {
    return [...this.#byWorker.keys()];
  }
}
