import { BoundedLines } from './bounded-lines.ts';

/** What of a server's stderr goes to the step's log; the rest is read and dropped. */
const maxBytes = 64 * 1024;
const maxLineBytes = 2_000;

/** Passes on the beginning of a server's stderr, line by line. */
export class StderrLines {
  readonly #log: (line: string) => void;
  #lines = new BoundedLines(maxLineBytes);
  #left = maxBytes;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  push(chunk: Buffer): void {
    if (this.#left <= 0) return;
    const part = chunk.subarray(0, this.#left);
    this.#left -= part.length;
    // In pieces that fit, so that a line without an end is shown in parts.
    for (let from = 0; from < part.length; from += maxLineBytes / 2)
      this.#take(part.subarray(from, from + maxLineBytes / 2));
    if (this.#left <= 0) {
      this.end();
      this.#log(`stderr: more than ${maxBytes} bytes; the rest is not shown`);
    }
  }

  end(): void {
    this.#say(this.#lines.rest());
  }

  #take(piece: Buffer): void {
    for (const line of this.#lines.push(piece)) this.#say(line);
    if (this.#lines.held > maxLineBytes / 2) this.#say(this.#lines.rest());
  }

  #say(line: string): void {
    if (line.trim() !== '') this.#log(`stderr: ${line}`);
  }
}
