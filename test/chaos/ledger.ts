import { closeSync, openSync, readSync } from 'node:fs';

/** A line that a step wrote: its begin or its end. */
export interface LedgerLine {
  readonly kind: 'begin' | 'end';
  readonly runId: string;
  /** Step path, with the index of an item. */
  readonly step: string;
  readonly attempt: number;
  /** Pid of the worker process that ran it. */
  readonly workerPid: number;
  /** When this line was seen, on the monotonic clock of the reader, in ms. */
  readonly seenAt: number;
}

/** The side effects of all steps, in one file that steps append to with one short write each. */
export class Ledger {
  readonly path: string;
  readonly lines: LedgerLine[] = [];
  /** Idempotency keys of the calls with effects, once per effect. */
  readonly effects: string[] = [];
  #offset = 0;
  #rest = '';

  constructor(path: string) {
    this.path = path;
    closeSync(openSync(path, 'a'));
  }

  /** Reads what was appended since the last time. */
  read(): readonly LedgerLine[] {
    const from = this.lines.length;
    const file = openSync(this.path, 'r');
    const buffer = Buffer.alloc(64 * 1024);
    for (let count = 1; count > 0; ) {
      count = readSync(file, buffer, 0, buffer.length, this.#offset);
      this.#offset += count;
      this.#rest += buffer.toString('latin1', 0, count);
    }
    closeSync(file);
    const texts = this.#rest.split('\n');
    this.#rest = texts.pop() ?? '';
    for (const text of texts) {
      const [kind, runId = '', step = '', attempt, pid] = text.split(' ');
      if (kind === 'effect' && runId !== '') {
        this.effects.push(runId);
        continue;
      }
      if (kind !== 'begin' && kind !== 'end') throw new Error(`the ledger holds a torn line: ${text}`);
      const seenAt = performance.now();
      this.lines.push({ kind, runId, step, attempt: Number(attempt), workerPid: Number(pid), seenAt });
    }
    return this.lines.slice(from);
  }
}
