import { closeSync, fsync, mkdtempSync, openSync, rmSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CoreWaits } from './core-waits.ts';

/** How often it is looked, ms. */
const lookMs = 20;
/** Timers of a machine that has time are late by less, ms. */
const usualMs = 5;
/** How often the measured processes are asked for their waits, ms. */
const askMs = 100;
/** How often the disk is asked, and what it may take, ms. */
const disk = { everyMs: 50, usualMs: 50 };

/** A piece of the time that was measured, and what was lost of it. */
interface Piece {
  readonly ms: number;
  lostMs: number;
}

/**
 * A stopwatch that leaves out the time in which the machine gave this process or the measured ones no processor, or kept a write from its
 * disk, for bounds on time that hold on a machine which others use too. This process has little to do but wait, so that what its timers are
 * late is what it did not get; but it is woken sooner than a process that computes, whose waits only the kernel knows. A commit of the product
 * waits for the same disk as the few bytes that are written here.
 *
 * One stop may be seen by the timers, by several processes and by the disk, and one process may wait for another that waits for a core: what
 * all of them say is added up, but no time is left out twice. So a bound may become looser, by no more than the time in which a measured process
 * was ready to compute and could not. A product that is slow because it sleeps (for a timer, a lease, an answer) is measured in full on any
 * machine, one that is slow because it computes on any machine that has a core for it.
 */
export class GivenTime {
  readonly #beganAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #waits: CoreWaits;
  #lookedAt = this.#beganAt;
  #askedAt = this.#beganAt;
  /** By which the timers were late since the processes were asked. */
  #lateMs = 0;
  /** The time until they were asked, piece by piece. */
  readonly #pieces: Piece[] = [];
  #lostMs = 0;
  #endedAt: number | undefined;

  /** `processes` gives the ids of those that are measured, now; see `treeOf`. */
  constructor(processes: () => readonly number[] = () => []) {
    this.#waits = new CoreWaits(processes);
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
    void this.#askDisk();
  }

  /** What was lost until now, or until it was stopped, ms. */
  get lostMs(): number {
    this.#look();
    this.#ask();
    return this.#lostMs;
  }

  /** What has passed until now, or until it was stopped, without what was lost, ms. */
  get ms(): number {
    const { lostMs } = this;
    return (this.#endedAt ?? performance.now()) - this.#beganAt - lostMs;
  }

  stop(): void {
    this.#look();
    this.#ask();
    this.#endedAt = performance.now();
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#endedAt !== undefined) return;
    const now = performance.now();
    const lateMs = now - this.#lookedAt - lookMs;
    if (lateMs > usualMs) this.#lateMs += lateMs;
    this.#lookedAt = now;
    if (now - this.#askedAt >= askMs) this.#ask();
  }

  #ask(): void {
    if (this.#endedAt !== undefined) return;
    const now = performance.now();
    const ms = now - this.#askedAt;
    this.#pieces.push({ ms, lostMs: 0 });
    const { sumMs, longestMs } = this.#waits.grown();
    // A wait is told when it has ended: it may have begun long before they were asked the last time.
    this.#lose(this.#lateMs + sumMs, Math.max(ms, longestMs));
    this.#lateMs = 0;
    this.#askedAt = now;
  }

  /** So much was lost of the last `withinMs`, as far as it was not lost already. */
  #lose(lostMs: number, withinMs: number): void {
    let [left, within] = [lostMs, withinMs];
    for (let at = this.#pieces.length - 1; at >= 0 && left > 0 && within > 0; at -= 1) {
      const piece = this.#pieces[at] as Piece;
      const taken = Math.min(left, piece.ms - piece.lostMs);
      piece.lostMs += taken;
      this.#lostMs += taken;
      left -= taken;
      within -= piece.ms;
    }
  }

  async #askDisk(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'skein-given-time-'));
    const file = openSync(join(folder, 'bytes'), 'w');
    try {
      while (this.#endedAt === undefined) {
        const askedAt = performance.now();
        const lostBefore = this.lostMs;
        await promisify(write)(file, Buffer.of(1));
        await promisify(fsync)(file);
        // What the processor was away for is counted already.
        const tookMs = performance.now() - askedAt - (this.lostMs - lostBefore);
        if (this.#endedAt === undefined && tookMs > disk.usualMs)
          this.#lose(tookMs - disk.usualMs, performance.now() - askedAt);
        await sleep(disk.everyMs);
      }
    } finally {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** How often a scene is played. */
const mostPlays = 3;

/**
 * Plays a scene until it takes less than that, and at most three times; gives the shortest time, ms. What is slow in the product is slow each
 * time; what is slow in the machine is not.
 */
export const shortestOf = async (limitMs: number, play: (round: number) => Promise<number>): Promise<number> => {
  let shortest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < mostPlays && shortest >= limitMs; round += 1)
    shortest = Math.min(shortest, await play(round));
  return shortest;
};
