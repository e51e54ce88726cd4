/**
 * Values of units in order, in chunks of `size` units each: `size` is the least power of two at which `maxChunks` hold them all, so a chunk
 * depends on the number of units alone, and a list that grew step by step equals one that was made at once.
 */
export interface Chunks {
  /** Units, those without a value among them. */
  units: number;
  size: number;
  /** Five numbers per chunk: instant of its last unit, then number and sum of values of stable, and of the candidate. */
  readonly data: number[];
}

/** Chunks of one list; exact up to as many units. */
export const maxChunks = 64;

/** Numbers per chunk. */
export const stride = 5;

/** An empty list; `size` is given when the number of units is known beforehand. */
export const createChunks = (size = 1): Chunks => ({ units: 0, size, data: [] });

/** A copy that shares nothing. */
export const copyChunks = ({ units, size, data }: Chunks): Chunks => ({ units, size, data: [...data] });

/** Joins chunks until each has this many units, a power of two. With `keepFirst` (ranks) only the first value of a chunk stays. In place. */
export const coarsen = (chunks: Chunks, size: number, keepFirst: boolean): void => {
  const { data } = chunks;
  while (chunks.size < size) {
    let to = 0;
    for (let from = 0; from < data.length; from += 2 * stride) {
      const hasTwo = from + stride < data.length;
      data[to] = data[hasTwo ? from + stride : from] as number;
      for (let side = 1; side < stride; side += 2) {
        const n = data[from + side] as number;
        const sum = data[from + side + 1] as number;
        const takesNext = hasTwo && (!keepFirst || n === 0);
        data[to + side] = n + (takesNext ? (data[from + stride + side] as number) : 0);
        data[to + side + 1] = sum + (takesNext ? (data[from + stride + side + 1] as number) : 0);
      }
      to += stride;
    }
    data.length = to;
    chunks.size *= 2;
  }
};

/** Adds one unit; `x` undefined: it has no value. In place. */
export const appendUnit = (
  chunks: Chunks,
  at: number,
  isCandidate: boolean,
  x: number | undefined,
  keepFirst: boolean,
): void => {
  const { data } = chunks;
  if (chunks.units % chunks.size === 0) {
    if (data.length === maxChunks * stride) coarsen(chunks, chunks.size * 2, keepFirst);
    if (chunks.units % chunks.size === 0) data.push(at, 0, 0, 0, 0);
  }
  chunks.units += 1;
  const last = data.length - stride;
  data[last] = at;
  const n = last + (isCandidate ? 3 : 1);
  if (x === undefined || (keepFirst && data[n] !== 0)) return;
  data[n] = (data[n] as number) + 1;
  data[n + 1] = (data[n + 1] as number) + x;
};
