import { DomainError, isDomainError } from '@skein/domain';

/** One call for the bytes from `offset` on; resolves with the size of the whole. */
type FetchFrom = (offset: number, onBytes: (bytes: Uint8Array) => void) => Promise<number>;

/**
 * One part of a snapshot on its way here, over any number of calls: what came stays, and the next call asks for what follows it.
 * Bytes that turn out not to belong together (another coordinator tells another size, or has less) are all asked for again.
 */
export class PartDownload {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #progressed = false;

  /** Throws `too_large` beyond `maxBytes`, before it holds more. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True once after each call of `goOn` that brought bytes. */
  takeProgress(): boolean {
    const progressed = this.#progressed;
    this.#progressed = false;
    return progressed;
  }

  /** The whole part, in bytes of its own. Throws what the call throws, and `unavailable` for bytes that do not belong together. */
  async goOn(fetchFrom: FetchFrom): Promise<Uint8Array> {
    const offset = this.#length;
    let refusal: DomainError | undefined;
    const take = (bytes: Uint8Array): void => {
      if (refusal !== undefined) return;
      if (this.#length + bytes.length > this.#maxBytes) {
        refusal = new DomainError('too_large', 'the part is too large', { limit: this.#maxBytes });
        return;
      }
      this.#pieces.push(bytes.slice());
      this.#length += bytes.length;
      this.#progressed = true;
    };
    let total: number;
    try {
      total = await fetchFrom(offset, take);
    } catch (error) {
      if (offset > 0 && isDomainError(error) && error.code === 'invalid_argument') throw this.#startOver();
      throw refusal ?? error;
    }
    if (refusal !== undefined) throw refusal;
    if (total !== this.#length) throw this.#startOver();
    return this.#joined();
  }

  #startOver(): DomainError {
    this.#pieces = [];
    this.#length = 0;
    this.#progressed = false;
    return new DomainError('unavailable', 'the bytes of the part do not belong together');
  }

  #joined(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    return whole;
  }
}
