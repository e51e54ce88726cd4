import { Session } from 'node:inspector';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}
interface ScriptCoverage {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

/** Which blocks of some sources have run, as the engine counts them. */
export class Coverage {
  readonly #session = new Session();
  readonly #isOurs: (url: string) => boolean;
  /** Blocks that no input has reached, by function. A function that is not here has never run. */
  readonly #unreached = new Map<string, Set<string>>();
  #reached = 0;

  constructor(isOurs: (url: string) => boolean) {
    this.#isOurs = isOurs;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Functions and blocks that were reached for the first time since the beginning. */
  get reached(): number {
    return this.#reached;
  }

  /** True if what ran since the last call reached a block for the first time. */
  grew(): boolean {
    const before = this.#reached;
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      for (const script of (answer as unknown as { result: ScriptCoverage[] }).result) {
        if (this.#isOurs(script.url)) this.#add(script);
      }
    });
    return this.#reached > before;
  }

  close(): void {
    this.#session.disconnect();
  }

  #add({ scriptId, functions }: ScriptCoverage): void {
    for (const { ranges } of functions) {
      const [whole] = ranges;
      if (whole === undefined || whole.count === 0) continue;
      const key = `${scriptId}:${whole.startOffset}:${whole.endOffset}`;
      const idle = new Set(
        ranges.filter(({ count }) => count === 0).map(({ startOffset, endOffset }) => `${startOffset}:${endOffset}`),
      );
      const known = this.#unreached.get(key);
      if (known === undefined) {
        this.#unreached.set(key, idle);
        this.#reached += 1;
        continue;
      }
      for (const block of known) {
        if (idle.has(block)) continue;
        known.delete(block);
        this.#reached += 1;
      }
    }
  }
}
