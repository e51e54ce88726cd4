import { readdirSync, readFileSync } from 'node:fs';

/** A file of the kernel, or one of its folders; nothing where it is not there (any more). */
const linesOf = (path: string): readonly string[] => {
  try {
    return readFileSync(path, 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

const threadsOf = (pid: number): readonly string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  } catch {
    return [];
  }
};

/** A process and all below it, as far as the kernel tells. */
export const treeOf = (pid: number): readonly number[] => {
  const children = threadsOf(pid).flatMap((thread) => linesOf(`${thread}/children`).join(' ').split(' '));
  return [pid, ...children.filter((child) => child !== '').flatMap((child) => treeOf(Number(child)))];
};

/** What a tick of `/proc/stat` is, ms. */
const tickMs = 10;

/**
 * For how long processes were ready to compute and got no core, by the kernel's own counters (Linux; elsewhere it is 0): each thread's wait
 * for a core of this machine, and what the machine's host took from a core. What a process sleeps, and what it computes, is not in it.
 */
export class CoreWaits {
  readonly #processes: () => readonly number[];
  #known = new Map<string, number>();

  constructor(processes: () => readonly number[]) {
    this.#processes = processes;
    this.grown();
  }

  /** Waits that have ended since the last call: of each process those of the thread that waited longest, and of the core that most was taken from. */
  grown(): { readonly sumMs: number; readonly longestMs: number } {
    const before = this.#known;
    this.#known = new Map();
    const grownOf = (name: string, ms: number, unless: number): number => {
      this.#known.set(name, ms);
      return Math.max(0, ms - (before.get(name) ?? unless));
    };
    const grown = [0];
    for (const pid of this.#processes()) {
      const waits = threadsOf(pid).map((thread) => {
        const ns = Number(linesOf(`${thread}/schedstat`)[0]?.split(' ')[1] ?? 0);
        return grownOf(thread, ns / 1e6, 0);
      });
      grown.push(Math.max(0, ...waits));
    }
    const taken = linesOf('/proc/stat')
      .map((line) => line.split(/ +/))
      .filter(([name = '']) => /^cpu\d/.test(name))
      .map(([name = '', ...ticks]) => {
        const ms = Number(ticks[7] ?? 0) * tickMs;
        return grownOf(name, ms, ms);
      });
    grown.push(Math.max(0, ...taken));
    return { sumMs: grown.reduce((sum, ms) => sum + ms), longestMs: Math.max(...grown) };
  }
}
