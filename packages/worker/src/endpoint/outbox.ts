import type { TaskRef, TaskResult } from '@skein/domain';
import { taskKey, taskRef } from './task-key.ts';

interface Entry {
  readonly result: TaskResult;
  /** False while the attempt's log is still on its way: the result must not overtake it. */
  ready: boolean;
  /** On the sender's monotonic clock. */
  sentAtMs: number;
}

/** Results that no coordinator has acknowledged yet, in the order in which they came. Kept in memory only. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  add(result: TaskResult): void {
    this.#entries.set(taskKey(result), { result, ready: false, sentAtMs: 0 });
  }

  /** The result may be sent from now on; undefined when it was removed meanwhile. */
  release(task: TaskRef, nowMs: number): TaskResult | undefined {
    const entry = this.#entries.get(taskKey(task));
    if (entry === undefined) return undefined;
    entry.ready = true;
    entry.sentAtMs = nowMs;
    return entry.result;
  }

  /** The result, if it may be sent. */
  find(task: TaskRef): TaskResult | undefined {
    const entry = this.#entries.get(taskKey(task));
    return entry?.ready === true ? entry.result : undefined;
  }

  has(task: TaskRef): boolean {
    return this.#entries.has(taskKey(task));
  }

  /** True if it was there. */
  remove(task: TaskRef): boolean {
    return this.#entries.delete(taskKey(task));
  }

  /** Results to be sent now: those that were last sent at or before `sentBeforeMs`. They count as sent. */
  takeDue(nowMs: number, sentBeforeMs = nowMs): readonly TaskResult[] {
    const due = [...this.#entries.values()].filter((entry) => entry.ready && entry.sentAtMs <= sentBeforeMs);
    for (const entry of due) entry.sentAtMs = nowMs;
    return due.map((entry) => entry.result);
  }

  refs(): readonly TaskRef[] {
    return [...this.#entries.values()].map((entry) => taskRef(entry.result));
  }
}
