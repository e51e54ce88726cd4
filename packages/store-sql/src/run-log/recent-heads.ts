import type { RunHead } from '@skein/ports';

const maxHeads = 20_000;

/** The last heads that this process wrote, by run; the ones written longest ago are forgotten first. */
export class RecentHeads {
  readonly #heads = new Map<string, RunHead>();

  get(key: string): RunHead | undefined {
    return this.#heads.get(key);
  }

  /** Remembers a head that is on disk. */
  set(key: string, head: RunHead): void {
    if (this.#heads.delete(key) || this.#heads.size < maxHeads) this.#heads.set(key, head);
    else {
      for (const oldest of this.#heads.keys()) {
        this.#heads.delete(oldest);
        break;
      }
      this.#heads.set(key, head);
    }
  }

  delete(key: string): void {
    this.#heads.delete(key);
  }
}
