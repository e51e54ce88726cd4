import { closeSync, fsync, mkdtempSync, openSync, rmSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** How often it is looked, ms. */
const lookMs = 20;
/** Timers of a machine that has time are late by less, ms. */
const usualMs = 5;
/** How often the disk is asked, and what it may take, ms. */
const disk = { everyMs: 50, usualMs: 50 };

/**
 * A stopwatch that leaves out the time in which the machine gave this process no processor, or kept a write from its disk, for bounds on time
 * that hold on a machine which others use too. This process has little to do but wait, so that what its timers are late is what it did not
 * get; a commit of the product waits for the same disk as the few bytes that are written here.
 */
export class GivenTime {
  readonly #beganAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #lookedAt = this.#beganAt;
  #lostMs = 0;
  #endedAt: number | undefined;

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
    void this.#askDisk();
  }

  /** What was lost until now, or until it was stopped, ms. */
  get lostMs(): number {
    this.#look();
    return this.#lostMs;
  }

  /** What has passed until now, or until it was stopped, without what was lost, ms. */
  get ms(): number {
    return (this.#endedAt ?? performance.now()) - this.#beganAt - this.lostMs;
  }

  stop(): void {
    this.#look();
    this.#endedAt = performance.now();
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#endedAt !== undefined) return;
    const now = performance.now();
    const lateMs = now - this.#lookedAt - lookMs;
    if (lateMs > usualMs) this.#lostMs += lateMs;
    this.#lookedAt = now;
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
        if (this.#endedAt === undefined && tookMs > disk.usualMs) this.#lostMs += tookMs - disk.usualMs;
        await sleep(disk.everyMs);
      }
    } finally {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
