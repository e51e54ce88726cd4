/** Kept beyond the limit, bytes: a secret that lies across it can be found before the text is cut there. */
export const cutMarginBytes = 16 * 1024;

/** Keeps the beginning of a byte stream, up to a limit, and forgets the rest. */
export class OutputCapture {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  #seen = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True once bytes were forgotten. */
  get isCut(): boolean {
    return this.#seen > this.#limit;
  }

  push(chunk: Buffer): void {
    this.#seen += chunk.length;
    const room = this.#limit + cutMarginBytes - this.#kept;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#kept += kept.length;
  }

  /**
   * The beginning as text, after `clean`; what is not UTF-8 becomes U+FFFD, and a character that the limit cut in two is dropped.
   */
  text(clean: (text: string) => string = (text) => text): string {
    const bytes = Buffer.concat(this.#chunks);
    const text = clean(decode(bytes, this.#seen > bytes.length));
    return this.isCut ? decode(Buffer.from(text).subarray(0, this.#limit), true) : text;
  }
}

const decode = (bytes: Buffer, isCut: boolean): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: isCut });
