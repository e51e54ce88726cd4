import type { Random } from '@skein/ports';
import { descendantsOf, type Stack, signal } from '../e2e/stack.ts';

/** What was done to a process. */
export interface Fault {
  readonly what: 'kill worker' | 'kill coordinator' | 'kill scheduler' | 'stop worker' | 'stop coordinator';
  readonly pid: number;
  /** Monotonic, ms. */
  readonly at: number;
  /** Of a stop: when the process goes on. */
  readonly untilMs?: number;
}

/** Of ten faults, how many are of each kind. */
const deck: readonly Fault['what'][] = [
  ...Array.from({ length: 5 }, () => 'kill worker' as const),
  'kill coordinator',
  'kill scheduler',
  ...Array.from({ length: 2 }, () => 'stop worker' as const),
  'stop coordinator',
];

const between = (random: Random, low: number, high: number): number => low + random.next() * (high - low);

const pidsOf = (stack: Stack, app: string): number[] =>
  descendantsOf(stack.pid)
    .filter((line) => line.command.includes(`apps/${app}/dist/main.js`))
    .map((line) => line.pid);

/** Does harm to the processes of a stack, by the numbers that `random` gives. */
export class FaultMaker {
  readonly faults: Fault[] = [];
  readonly #stack: Stack;
  readonly #random: Random;
  readonly #stopped = new Map<number, number>();
  #nextAt = performance.now() + 500;

  constructor(stack: Stack, random: Random) {
    this.#stack = stack;
    this.#random = random;
  }

  /** One look: what was stopped long enough goes on, and when it is time the next fault is made. */
  tick(): void {
    const now = performance.now();
    for (const [pid, until] of this.#stopped) if (now >= until) this.#continue(pid);
    if (now < this.#nextAt) return;
    this.#nextAt = now + between(this.#random, 300, 2_500);
    const what = deck[Math.floor(this.#random.next() * deck.length)] ?? 'kill worker';
    const [act, app = ''] = what.split(' ');
    const pids = pidsOf(this.#stack, app).filter((pid) => !this.#stopped.has(pid));
    const pick = this.#random.next();
    // A worker is stopped for up to longer than its lease, so that it wakes up without it.
    const stopMs = between(this.#random, 100, app === 'worker' ? 9_000 : 3_000);
    const pid = pids[Math.floor(pick * pids.length)];
    if (pid === undefined || !signal(pid, act === 'kill' ? 'SIGKILL' : 'SIGSTOP')) return;
    if (act === 'stop') this.#stopped.set(pid, now + stopMs);
    this.faults.push({ what, pid, at: now, ...(act === 'stop' ? { untilMs: now + stopMs } : {}) });
  }

  /** Lets everything go on again. */
  end(): void {
    for (const pid of this.#stopped.keys()) this.#continue(pid);
  }

  #continue(pid: number): void {
    signal(pid, 'SIGCONT');
    this.#stopped.delete(pid);
  }
}
