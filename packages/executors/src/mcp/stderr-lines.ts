import { BoundedLines } from './bounded-lines.ts';

/** What of a server's stderr goes to the step's log; the rest is read and dropped. */
const maxBytes = 64 * 1024;

/** Passes on the beginning of a server's stderr, line by line and each line as a whole: in pieces, a secret could not be found. */
export class StderrLines {
  readonly #log: (line: string) => void;
  readonly #lines = new BoundedLines(maxBytes);
  #left = maxBytes;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  push(chunk: Buffer): void {
    if (this.#left <= 0) return;
    const part = chunk.subarray(0, this.#left);
    this.#left -= part.length;
    for (const line of this.#lines.push(part)) this.#say(line);
    if (this.#left > 0) return;
    // A line that is cut here may end in half a secret, which nobody would know.
    this.#lines.rest();
    this.#log(`stderr: more than ${maxBytes} bytes; the rest is not shown`);
  }

  end(): void {
    this.#say(this.#lines.rest());
  }

  #say(line: string): void {
    if (line.trim() !== '') this.#log(`stderr: ${line}`);
  }
}
