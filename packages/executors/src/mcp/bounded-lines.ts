import { DomainError } from '@skein/domain';

/** Cuts a byte stream into lines of UTF-8 text, without their `\n` or `\r\n`; never holds more than one line of `maxBytes`. */
export class BoundedLines {
  readonly #maxBytes: number;
  #pending: Buffer[] = [];
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the line that has not ended yet. */
  get held(): number {
    return this.#held;
  }

  /** The lines that this chunk ends. Throws `too_large` for a line that is longer; what was held is then dropped. */
  push(chunk: Buffer): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      lines.push(this.#take());
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
    return lines;
  }

  /** What stands behind the last line break. */
  rest(): string {
    return this.#take();
  }

  #hold(bytes: Buffer): void {
    this.#held += bytes.length;
    if (this.#held > this.#maxBytes) {
      this.#pending = [];
      this.#held = 0;
      const limit = this.#maxBytes;
      throw new DomainError('too_large', `the server sent a message of more than ${limit} bytes`, { limit });
    }
    if (bytes.length > 0) this.#pending.push(bytes);
  }

  #take(): string {
    const text = Buffer.concat(this.#pending).toString('utf8');
    this.#pending = [];
    this.#held = 0;
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  }
}
