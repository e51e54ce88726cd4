/** Codes of up to this many bits are found in one step; longer ones bit by bit, so that a table costs little to make. */
const maxFastBits = 10;
/** Longest code of deflate. */
const maxBits = 15;

/**
 * A canonical Huffman code of deflate, to be filled again for every block.
 * @source https://www.rfc-editor.org/rfc/rfc1951#section-3.2.2
 */
export class HuffmanTable {
  /** Symbol and length (`symbol << 4 | length`) by the next bits; 0 for none. */
  readonly #fast = new Uint16Array(1 << maxFastBits);
  readonly #counts = new Uint16Array(maxBits + 1);
  readonly #symbols: Uint16Array;
  readonly #next = new Uint16Array(maxBits + 2);
  /** Of as many bits as the longest code has, but no more than are found in one step: a small code costs little to make. */
  #mask = 0;

  constructor(maxSymbols: number) {
    this.#symbols = new Uint16Array(maxSymbols);
  }

  /**
   * Takes the code lengths of symbols from `start` to before `end`. False when they are no code: too many, or, unless a code of one bit is all
   * there is and `mayLack` allows it, too few.
   */
  fill(lengths: Uint8Array, start: number, end: number, mayLack: boolean): boolean {
    const counts = this.#counts.fill(0);
    for (let at = start; at < end; at++) {
      const bits = lengths[at] as number;
      counts[bits] = (counts[bits] as number) + 1;
    }
    const unused = counts[0] as number;
    counts[0] = 0;
    let left = 1;
    for (let bits = 1; bits <= maxBits; bits++) {
      left = (left << 1) - (counts[bits] as number);
      if (left < 0) return false;
    }
    const used = end - start - unused;
    if (left > 0 && !(mayLack && (used === 0 || (used === 1 && counts[1] === 1)))) return false;
    this.#place(lengths, start, end);
    return true;
  }

  #place(lengths: Uint8Array, start: number, end: number): void {
    const offsets = this.#next.fill(0);
    const fastBits = this.#fastBits();
    const fast = this.#fast.fill(0, 0, 1 << fastBits);
    this.#mask = (1 << fastBits) - 1;
    for (let bits = 1; bits <= maxBits; bits++)
      offsets[bits + 1] = (offsets[bits] as number) + (this.#counts[bits] as number);
    for (let at = start; at < end; at++) {
      const bits = lengths[at] as number;
      if (bits === 0) continue;
      const place = offsets[bits] as number;
      this.#symbols[place] = at - start;
      offsets[bits] = place + 1;
    }
    let code = 0;
    let index = 0;
    for (let bits = 1; bits <= fastBits; bits++) {
      for (let count = this.#counts[bits] as number; count > 0; count--) {
        const entry = ((this.#symbols[index++] as number) << 4) | bits;
        for (let at = reversed(code, bits); at <= this.#mask; at += 1 << bits) fast[at] = entry;
        code++;
      }
      code <<= 1;
    }
  }

  #fastBits(): number {
    let bits = maxFastBits;
    while (bits > 1 && this.#counts[bits] === 0) bits--;
    for (let longer = maxFastBits + 1; longer <= maxBits; longer++) if (this.#counts[longer] !== 0) return maxFastBits;
    return bits;
  }

  /** `symbol << 4 | length` of the code that the bits begin with, least significant first; 0 for none. Needs 15 bits, or zeros after the last. */
  lookUp(bits: number): number {
    return (this.#fast[bits & this.#mask] as number) || this.#lookUpLong(bits);
  }

  #lookUpLong(bits: number): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= maxBits; length++) {
      code |= (bits >> (length - 1)) & 1;
      const count = this.#counts[length] as number;
      if (code - count < first) return ((this.#symbols[index + code - first] as number) << 4) | length;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return 0;
  }
}

const reversed = (code: number, bits: number): number => {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result |= ((code >> bit) & 1) << (bits - 1 - bit);
  return result;
};
