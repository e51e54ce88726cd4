interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const goesBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Virtual time: what is planned runs in order of its instant (ms), equal instants in the order of planning. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #order = 0;
  now = 0;

  /** Runs `run` after so many ms; never before what is under way. */
  after(ms: number, run: () => void): void {
    this.#order += 1;
    const entry = { at: this.now + Math.max(0, ms), order: this.#order, run };
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent] as Entry;
      if (!goesBefore(entry, above)) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = entry;
  }

  /** Runs all that is due until `end`, ms. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#removeFirst();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#heap.length) break;
      const right = left + 1;
      const isRight = right < this.#heap.length && goesBefore(this.#heap[right] as Entry, this.#heap[left] as Entry);
      const child = isRight ? right : left;
      const below = this.#heap[child] as Entry;
      if (!goesBefore(below, last)) break;
      this.#heap[at] = below;
      at = child;
    }
    this.#heap[at] = last;
  }
}
