import { HuffmanTable } from './huffman-table.ts';
import { snapshotInvalid } from './snapshot-error.ts';

/** What came out of a deflate stream. */
export interface Inflated {
  readonly content: Uint8Array;
  /** Position after the stream; absent when there was more content than `maxBytes`, of which `content` holds the first. */
  readonly end?: number;
}

/**
 * Inflates the deflate stream that begins at `start`, into one buffer and without garbage: `sizeHint` is what somebody claims that the size is. It
 * is believed as far as the input could hold it, and the buffer grows beyond it only as far as there is content. Nothing past `maxBytes` is ever
 * made (S2). The stream must not end within the last bytes of the input, as a gzip trailer makes sure of. Throws `snapshot_invalid` with the reasons `bad_gzip` and `truncated`.
 * @source https://www.rfc-editor.org/rfc/rfc1951
 */
export const inflate = (bytes: Uint8Array, start: number, sizeHint: number, maxBytes: number): Inflated =>
  new Inflater(bytes, start, Math.min(sizeHint, maxBytes, mostPerByte * (bytes.length - start)), maxBytes).inflate();

/** Two bits, one for a length and one for a distance, stand for 258 bytes at most. */
const mostPerByte = 4 * 258;

class Inflater {
  readonly #bytes: Uint8Array;
  readonly #maxBytes: number;
  readonly #literals = new HuffmanTable(288);
  readonly #distances = new HuffmanTable(32);
  readonly #lengths = new Uint8Array(288 + 32);
  #out: Uint8Array;
  #size = 0;
  #at: number;
  /** Bits that were taken from the input and not used yet, least significant first. */
  #bits = 0;
  #bitCount = 0;

  constructor(bytes: Uint8Array, start: number, sizeHint: number, maxBytes: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#maxBytes = maxBytes;
    this.#out = new Uint8Array(sizeHint);
  }

  inflate(): Inflated {
    for (let last = false; !last; ) {
      last = this.#take(1) === 1;
      const kind = this.#take(2);
      if (kind === 3) throw damaged();
      const fits = kind === 0 ? this.#stored() : kind === 1 ? this.#fixed() : this.#dynamic();
      if (!fits) return { content: this.#out };
    }
    const content = this.#size === this.#out.length ? this.#out : this.#out.subarray(0, this.#size);
    return { content, end: this.#at - (this.#bitCount >> 3) };
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      if (this.#at >= this.#bytes.length) throw cut();
      this.#bits |= (this.#bytes[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  /** True if there is room for more bytes, after making it if need be. */
  #grow(): boolean {
    if (this.#out.length >= this.#maxBytes) return false;
    const larger = new Uint8Array(Math.min(this.#maxBytes, Math.max(1_024, this.#out.length * 2)));
    larger.set(this.#out);
    this.#out = larger;
    return true;
  }

  #stored(): boolean {
    this.#at -= this.#bitCount >> 3;
    this.#bits = 0;
    this.#bitCount = 0;
    const length = this.#take(16);
    if ((this.#take(16) ^ 0xffff) !== length) throw damaged();
    if (this.#at + length > this.#bytes.length) throw cut();
    const room = Math.min(length, this.#maxBytes - this.#size);
    while (this.#size + room > this.#out.length) this.#grow();
    this.#out.set(this.#bytes.subarray(this.#at, this.#at + room), this.#size);
    this.#size += room;
    this.#at += length;
    return room === length;
  }

  #fixed(): boolean {
    const { literals, distances } = fixedCodes();
    return this.#symbols(literals, distances);
  }

  #dynamic(): boolean {
    if (!this.#dynamicCodes()) throw damaged();
    return this.#symbols(this.#literals, this.#distances);
  }

  #dynamicCodes(): boolean {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const codes = this.#take(4) + 4;
    if (literals > 286 || distances > 30) return false;
    const lengths = this.#lengths.fill(0, 0, 19);
    for (let index = 0; index < codes; index++) lengths[codeOrder[index] as number] = this.#take(3);
    // The table of literals holds the code of the code lengths first.
    if (!this.#literals.fill(lengths, 0, 19, false)) return false;
    const end = literals + distances;
    for (let at = 0; at < end; ) {
      const symbol = this.#symbol(this.#literals);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) return false;
      const value = symbol === 16 ? (lengths[at - 1] as number) : 0;
      const repeat = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (at + repeat > end) return false;
      lengths.fill(value, at, at + repeat);
      at += repeat;
    }
    if (lengths[endOfBlock] === 0) return false;
    return this.#literals.fill(lengths, 0, literals, true) && this.#distances.fill(lengths, literals, end, true);
  }

  #symbol(table: HuffmanTable): number {
    while (this.#bitCount < 15) {
      if (this.#at >= this.#bytes.length) throw cut();
      this.#bits |= (this.#bytes[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const entry = table.lookUp(this.#bits);
    if (entry === 0) throw damaged();
    this.#bits >>>= entry & 15;
    this.#bitCount -= entry & 15;
    return entry >> 4;
  }

  /** The content of a block; false when it does not fit. */
  #symbols(literals: HuffmanTable, distances: HuffmanTable): boolean {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol < endOfBlock) {
        if (this.#size === this.#out.length && !this.#grow()) return false;
        this.#out[this.#size++] = symbol;
      } else if (symbol === endOfBlock) return true;
      else if (!this.#match(symbol - endOfBlock - 1, distances)) return false;
    }
  }

  #match(index: number, distances: HuffmanTable): boolean {
    const base = lengthBases[index];
    if (base === undefined) throw damaged();
    const length = base + this.#take(lengthExtras[index] as number);
    const far = this.#symbol(distances);
    const farBase = distanceBases[far];
    if (farBase === undefined) throw damaged();
    const distance = farBase + this.#take(far < 4 ? 0 : (far >> 1) - 1);
    if (distance > this.#size) throw damaged();
    const fits = this.#size + length <= this.#maxBytes;
    const end = fits ? this.#size + length : this.#maxBytes;
    while (end > this.#out.length) this.#grow();
    const out = this.#out;
    for (let at = this.#size; at < end; at++) out[at] = out[at - distance] as number;
    this.#size = end;
    return fits;
  }
}

interface Codes {
  readonly literals: HuffmanTable;
  readonly distances: HuffmanTable;
}

let knownFixedCodes: Codes | undefined;

/** Made once: a block of fixed codes may be as short as ten bits, and a stream may be all such blocks. */
const fixedCodes = (): Codes => {
  if (knownFixedCodes === undefined) {
    const lengths = new Uint8Array(288 + 32).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280, 288);
    lengths.fill(5, 288);
    knownFixedCodes = { literals: new HuffmanTable(288), distances: new HuffmanTable(32) };
    knownFixedCodes.literals.fill(lengths, 0, 288, false);
    knownFixedCodes.distances.fill(lengths, 288, 320, false);
  }
  return knownFixedCodes;
};

const endOfBlock = 256;
const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const lengthExtras = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const lengthBases = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const distanceBases = Array.from({ length: 30 }, (_, far) =>
  far < 4 ? far + 1 : ((2 + (far & 1)) << ((far >> 1) - 1)) + 1,
);

const damaged = (): Error => snapshotInvalid('bad_gzip', 'the compressed data is damaged');
const cut = (): Error => snapshotInvalid('truncated', 'the bytes end too early');
