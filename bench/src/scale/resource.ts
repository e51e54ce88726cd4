import type { EventQueue } from './event-queue.ts';

/** Something that does one thing at a time: the loop of a coordinator, a link. Work waits in order. */
export class Resource {
  readonly #queue: EventQueue;
  #freeAt = 0;
  /** ms of work done, ms of the longest wait. */
  busyMs = 0;
  longestWaitMs = 0;

  constructor(queue: EventQueue) {
    this.#queue = queue;
  }

  /** Takes `ms` of work; `done` runs when it is over. */
  work(ms: number, done: () => void): void {
    const begin = Math.max(this.#queue.now, this.#freeAt);
    this.longestWaitMs = Math.max(this.longestWaitMs, begin - this.#queue.now);
    this.busyMs += ms;
    this.#freeAt = begin + ms;
    this.#queue.after(this.#freeAt - this.#queue.now, done);
  }

  /** Work that nobody waits for. */
  spend(ms: number): void {
    this.busyMs += ms;
    this.#freeAt = Math.max(this.#queue.now, this.#freeAt) + ms;
  }
}

/** A database that commits what came while it committed: group commit, as the committer does it. */
export class CommitLog {
  readonly #queue: EventQueue;
  readonly #baseMs: number;
  readonly #perUnitMs: number;
  #waiting: (() => void)[] = [];
  #busy = false;
  busyMs = 0;
  commits = 0;
  units = 0;

  constructor(queue: EventQueue, baseMs: number, perUnitMs: number) {
    this.#queue = queue;
    this.#baseMs = baseMs;
    this.#perUnitMs = perUnitMs;
  }

  append(done: () => void): void {
    this.#waiting.push(done);
    if (!this.#busy) this.#commit();
  }

  #commit(): void {
    const batch = this.#waiting.splice(0, 512);
    if (batch.length === 0) {
      this.#busy = false;
      return;
    }
    this.#busy = true;
    this.commits += 1;
    this.units += batch.length;
    const ms = this.#baseMs + this.#perUnitMs * batch.length;
    // Of the base, most is waiting for the disk: it bounds the latency, not the rate, which grows with the batch.
    this.busyMs += ms;
    this.#queue.after(ms, () => {
      for (const done of batch) done();
      this.#commit();
    });
  }
}
