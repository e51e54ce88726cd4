import type { Random } from '@skein/ports';
import type { LinkedWorker, LinkedWorkers } from '../e2e/linked-workers.ts';
import { type Stack, signal } from '../e2e/stack.ts';
import { Lateness } from './lateness.ts';

/** What was done to a process, or to the network between a worker and the coordinator. */
export interface Fault {
  readonly what:
    | 'kill worker'
    | 'kill coordinator'
    | 'kill scheduler'
    | 'stop worker'
    | 'stop coordinator'
    | 'cut link'
    | 'hold link'
    | 'delay link';
  /** Of the process, or of the worker behind the link. */
  readonly pid: number;
  /** Monotonic, ms. */
  readonly at: number;
  /** Of a stop and of a link: when it goes on. */
  readonly untilMs?: number;
}

/** Of fifteen faults, how many are of each kind. */
const deck: readonly Fault['what'][] = [
  ...Array.from({ length: 5 }, () => 'kill worker' as const),
  'kill coordinator',
  'kill scheduler',
  'stop worker',
  'stop worker',
  'stop coordinator',
  'cut link',
  'cut link',
  'hold link',
  'hold link',
  'delay link',
];

const between = (random: Random, low: number, high: number): number => low + random.next() * (high - low);

const pidsOf = (stack: Stack, app: string): number[] =>
  stack
    .below()
    .filter((line) => line.command.includes(`apps/${app}/dist/main.js`))
    .map((line) => line.pid);

/** Does harm to the processes of a stack and to the links of its workers, by the numbers that `random` gives. */
export class FaultMaker {
  readonly faults: Fault[] = [];
  readonly #stack: Stack;
  readonly #workers: LinkedWorkers;
  readonly #random: Random;
  readonly #stopped = new Map<number, number>();
  readonly #links = new Map<LinkedWorker, number>();
  readonly #lateness = new Lateness();
  #nextAt = performance.now() + 500;

  constructor(stack: Stack, workers: LinkedWorkers, random: Random) {
    this.#stack = stack;
    this.#workers = workers;
    this.#random = random;
  }

  /** By how much harm may have lasted longer than it says, ms. */
  get lateMs(): number {
    return this.#lateness.largestMs;
  }

  /** One look: what was stopped long enough goes on, and when it is time the next fault is made, unless it is quiet. */
  tick(isQuiet: boolean): void {
    const now = performance.now();
    this.#lateness.look(now);
    for (const [pid, until] of this.#stopped) if (now >= until) this.#continue(pid);
    for (const [worker, until] of this.#links) if (now >= until) this.#heal(worker);
    if (isQuiet || now < this.#nextAt) return;
    this.#nextAt = now + between(this.#random, 300, 2_500);
    const what = deck[Math.floor(this.#random.next() * deck.length)] ?? 'kill worker';
    const [act, app = ''] = what.split(' ');
    const pick = this.#random.next();
    if (app === 'link') {
      this.#trouble(what, pick, now);
      return;
    }
    const all =
      app === 'worker' ? this.#workers.workers.flatMap((worker) => worker.pid ?? []) : pidsOf(this.#stack, app);
    const pids = all.filter((pid) => !this.#stopped.has(pid));
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
    for (const worker of this.#links.keys()) this.#heal(worker);
  }

  /** Cuts, holds or slows the network of one worker, for up to longer than its lease. */
  #trouble(what: Fault['what'], pick: number, now: number): void {
    const lengthMs = between(this.#random, 100, 9_000);
    const directions = ['up', 'down', 'both'] as const;
    const direction = directions[Math.floor(this.#random.next() * directions.length)] ?? 'both';
    const delayMs = between(this.#random, 20, 600);
    const workers = this.#workers.workers.filter((worker) => !this.#links.has(worker));
    const worker = workers[Math.floor(pick * workers.length)];
    if (worker === undefined) return;
    if (what === 'cut link') worker.link.cut();
    else if (what === 'hold link') worker.link.hold(direction);
    else worker.link.delay(delayMs);
    this.#links.set(worker, now + lengthMs);
    this.faults.push({ what, pid: worker.pid ?? 0, at: now, untilMs: now + lengthMs });
  }

  #heal(worker: LinkedWorker): void {
    worker.link.heal();
    this.#links.delete(worker);
  }

  #continue(pid: number): void {
    signal(pid, 'SIGCONT');
    this.#stopped.delete(pid);
  }
}
