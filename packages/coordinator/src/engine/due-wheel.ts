import type { Clock } from '@skein/ports';
import { Heap } from './heap.ts';

/** Longest single wait of the timer; a later instant is waited for in pieces. */
const maxWaitMs = 3_600_000;

/** Replaced instants that may wait beside as many as there are live ones. */
const maxStale = 1_024;

interface Due {
  readonly key: string;
  readonly at: number;
}

/**
 * Wakes by key at wall instants, with one timer for all of them. Setting a key again replaces its instant.
 * It is a cache of the heads' `dueAt`; the sweep repairs what it forgets. A jump of the wall clock is noticed by `tick`.
 */
export class DueWheel {
  readonly #clock: Clock;
  readonly #wake: (key: string) => void;
  readonly #heap = new Heap<Due>((a, b) => a.at < b.at);
  readonly #current = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, wake: (key: string) => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** `at` in ms since the epoch; undefined forgets the key. */
  set(key: string, at: number | undefined): void {
    const known = this.#current.get(key);
    if (known === at) return;
    if (at === undefined) {
      this.#current.delete(key);
      return;
    }
    this.#current.set(key, at);
    this.#heap.push({ key, at });
    if (this.#heap.size > 2 * this.#current.size + maxStale) this.#compact();
    if (at < this.#armedFor) this.#arm();
  }

  /** Wakes all that is due now. */
  tick(): void {
    const now = this.#clock.now();
    for (let due = this.#heap.peek(); due !== undefined; due = this.#heap.peek()) {
      const live = this.#current.get(due.key) === due.at;
      if (live && due.at > now) break;
      this.#heap.pop();
      if (!live) continue;
      this.#current.delete(due.key);
      this.#wake(due.key);
    }
    this.#arm();
  }

  /** Instants in memory, also replaced ones. */
  get held(): number {
    return this.#heap.size;
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#current.clear();
    while (this.#heap.pop() !== undefined);
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  /** Replaced instants far ahead, such as timeouts of runs that ended long before, must not pile up. */
  #compact(): void {
    while (this.#heap.pop() !== undefined);
    for (const [key, at] of this.#current) this.#heap.push({ key, at });
  }

  #arm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const first = this.#heap.peek();
    this.#armedFor = first?.at ?? Number.POSITIVE_INFINITY;
    if (first === undefined) return;
    this.#cancel = this.#clock.after(Math.min(maxWaitMs, Math.max(0, first.at - this.#clock.now())), () => this.tick());
  }
}
