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
    const room = this.#limit - this.#kept;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#kept += kept.length;
  }

  /** The kept bytes as text; what is not UTF-8 becomes U+FFFD, and a character that the limit cut in two is dropped. */
  text(): string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return decoder.decode(Buffer.concat(this.#chunks), { stream: this.isCut });
  }
}
