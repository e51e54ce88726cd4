import { readFileSync } from 'node:fs';
import type { Random } from '@skein/ports';
import { eventually, isAlive, signal } from '../e2e/stack.ts';
import type { FleetProcess } from '../fleet/fleet-process.ts';
import { patienceMs } from '../fleet/fleet-stack.ts';
import { type ChaosFleet, type FleetLink, linkKinds } from './chaos-fleet.ts';
import { Lateness } from './lateness.ts';

/** What was done to a fleet, to whom, and until when. */
export interface FleetFault {
  readonly what: string;
  /** `c1`, `w3`, `postgres`. */
  readonly whom: string;
  /** Of the process; 0 for a link. */
  readonly pid: number;
  /** Monotonic, ms. */
  readonly at: number;
  /** The same on the wall clock, as logs say it. */
  readonly wall: string;
  /** When it goes on; ms. */
  readonly untilMs: number;
}

type Harm = 'kill' | 'stop' | 'restart' | 'flush' | 'cut' | 'hold' | 'delay';

/** Harm and to what, each as often as it stands here. `stop` is `SIGSTOP`, `restart` an orderly end and a new start. */
const deck: readonly (readonly [Harm, string])[] = [
  ['kill', 'worker'],
  ['kill', 'worker'],
  ['kill', 'worker'],
  ['kill', 'worker'],
  ['stop', 'worker'],
  ['stop', 'worker'],
  ['restart', 'worker'],
  ['kill', 'coordinator'],
  ['kill', 'coordinator'],
  ['kill', 'coordinator'],
  ['stop', 'coordinator'],
  ['stop', 'coordinator'],
  ['restart', 'coordinator'],
  ['kill', 'scheduler'],
  ['kill', 'postgres'],
  ['restart', 'postgres'],
  ['stop', 'postgres'],
  ['kill', 'redis'],
  ['flush', 'redis'],
  ['stop', 'redis'],
  ...linkKinds.flatMap((kind) => (['cut', 'hold', 'delay'] as const).map((harm) => [harm, kind] as const)),
];

const between = (random: Random, low: number, high: number): number => low + random.next() * (high - low);

/** Longest that something is stopped, away, cut or slow, in ms: workers and links for longer than a lease. */
const longest: { readonly [whom: string]: number } = { worker: 9_000, coordinator: 3_000, postgres: 2_500 };

/** How long a supervisor waits before it starts a process again that ended by itself, ms. */
const restartMs = 500;

/** Does harm to the processes, servers and links of a fleet, by the numbers that `random` gives; what it ended, it starts again. */
export class FleetFaultMaker {
  readonly faults: FleetFault[] = [];
  readonly #fleet: ChaosFleet;
  readonly #random: Random;
  /** Whom harm is being done to, and how it ends. */
  readonly #troubled = new Map<
    string,
    { readonly untilMs: number; readonly begun: Promise<void>; readonly heal: () => Promise<void> }
  >();
  readonly #healing = new Set<Promise<void>>();
  /** What went wrong with the tools themselves. */
  readonly failures: string[] = [];
  readonly #lateness = new Lateness();
  #nextAt = performance.now() + 500;

  constructor(fleet: ChaosFleet, random: Random) {
    this.#fleet = fleet;
    this.#random = random;
  }

  /** By how much harm may have lasted longer than it says, ms. */
  get lateMs(): number {
    return this.#lateness.largestMs;
  }

  /** One look: what was troubled long enough goes on, what ended is started, and when it is time the next harm is done, unless it is quiet. */
  tick(isQuiet: boolean): void {
    const now = performance.now();
    this.#lateness.look(now);
    for (const [whom, { untilMs }] of this.#troubled) if (now >= untilMs) this.#heal(whom);
    this.#supervise(now);
    if (isQuiet || now < this.#nextAt) return;
    this.#nextAt = now + between(this.#random, 300, 2_500);
    const [harm, kind] = deck[Math.floor(this.#random.next() * deck.length)] ?? ['kill', 'worker'];
    const pick = this.#random.next();
    const lengthMs = between(this.#random, 100, longest[kind] ?? 9_000);
    const detail = this.#random.next();
    const harmed = this.#harm(harm, kind, pick, detail);
    if (harmed === undefined) return;
    const { whom, pid, begun, heal } = harmed;
    this.#troubled.set(whom, { untilMs: now + lengthMs, begun, heal });
    begun.catch((error: unknown) => this.failures.push(`${harm} ${whom}: ${String(error)}`));
    this.faults.push({
      what: `${harm} ${kind}${linkKinds.some((link) => link === kind) ? ' link' : ''}`,
      whom,
      pid,
      at: now,
      wall: new Date().toISOString(),
      untilMs: now + lengthMs,
    });
  }

  /** Starts again what ended by itself, as a coordinator does that does not reach its database at the start. */
  #supervise(now: number): void {
    for (const process of this.#fleet.processes) {
      if (process.isRunning || this.#troubled.has(process.name)) continue;
      this.#troubled.set(process.name, {
        untilMs: now + restartMs,
        begun: Promise.resolve(),
        heal: async () => process.start(),
      });
    }
  }

  /** Lets everything go on again; resolves when every process and server was started, and nothing is troubled. */
  async end(): Promise<void> {
    do {
      this.#supervise(performance.now());
      for (const whom of this.#troubled.keys()) this.#heal(whom);
      await Promise.all(this.#healing);
    } while (this.#troubled.size > 0);
  }

  /** Once: what is healing already is left to it. */
  #heal(whom: string): void {
    const trouble = this.#troubled.get(whom);
    if (trouble === undefined || trouble.untilMs === Number.POSITIVE_INFINITY) return;
    this.#troubled.set(whom, { ...trouble, untilMs: Number.POSITIVE_INFINITY });
    const healing = trouble.begun
      .catch(() => undefined)
      .then(trouble.heal)
      .catch((error: unknown) => void this.failures.push(`heal ${whom}: ${String(error)}`))
      .then(() => {
        this.#troubled.delete(whom);
        this.#healing.delete(healing);
      });
    this.#healing.add(healing);
  }

  #harm(harm: Harm, kind: string, pick: number, detail: number): Harmed | undefined {
    if (kind === 'postgres' || kind === 'redis') return this.#troubled.has(kind) ? undefined : this.#server(harm, kind);
    const link = linkKinds.find((name) => name === kind);
    if (link !== undefined) {
      const free = this.#fleet.links.filter((each) => each.kind === link && !this.#troubled.has(nameOf(each)));
      const chosen = free[Math.floor(pick * free.length)];
      return chosen === undefined ? undefined : linkTrouble(harm, chosen, detail);
    }
    const free = this.#fleet.processes.filter(({ app, name }) => app === kind && !this.#troubled.has(name));
    const chosen = free[Math.floor(pick * free.length)];
    return chosen === undefined ? undefined : processTrouble(harm, chosen);
  }

  #server(harm: Harm, kind: 'postgres' | 'redis'): Harmed | undefined {
    const server = this.#fleet[kind];
    const pid = server?.pid;
    if (server === undefined || pid === undefined) return undefined;
    if (harm === 'flush') return { whom: kind, pid, begun: this.#fleet.flushRedis(), heal: async () => undefined };
    if (harm === 'stop') {
      server.signal('SIGSTOP');
      return { whom: kind, pid, begun: Promise.resolve(), heal: async () => server.signal('SIGCONT') };
    }
    const end = async (): Promise<void> => {
      try {
        if (harm !== 'restart') return;
        // A fast shutdown: connections are told, nothing is to be recovered.
        signal(pid, 'SIGINT');
        await eventually('PostgreSQL has ended', () => hasEnded(pid), patienceMs);
      } finally {
        await server.kill();
      }
    };
    return { whom: kind, pid, begun: end(), heal: () => server.start() };
  }
}

interface Harmed {
  readonly whom: string;
  readonly pid: number;
  /** Settles when the harm is done. */
  readonly begun: Promise<void>;
  readonly heal: () => Promise<void>;
}

/** Without the process table where that can be: reading it keeps the links waiting. */
const hasEnded = (pid: number): boolean => {
  if (process.platform !== 'linux') return !isAlive(pid);
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
};

const nameOf = ({ name, kind }: FleetLink): string => `${name} ${kind}`;

const linkTrouble = (harm: Harm, { name, kind, link }: FleetLink, detail: number): Harmed => {
  const directions = ['up', 'down', 'both'] as const;
  if (harm === 'cut') link.cut();
  else if (harm === 'hold') link.hold(directions[Math.floor(detail * directions.length)] ?? 'both');
  else link.delay(20 + detail * 580);
  return { whom: `${name} ${kind}`, pid: 0, begun: Promise.resolve(), heal: async () => link.heal() };
};

const processTrouble = (harm: Harm, process: FleetProcess): Harmed | undefined => {
  const { name: whom, pid } = process;
  if (!process.isRunning) return { whom, pid, begun: Promise.resolve(), heal: async () => process.start() };
  if (harm === 'stop') {
    process.signal('SIGSTOP');
    return { whom, pid, begun: Promise.resolve(), heal: async () => void process.signal('SIGCONT') };
  }
  const begun = harm === 'restart' ? process.stop().then(() => undefined) : process.kill();
  return { whom, pid, begun, heal: async () => process.start() };
};
