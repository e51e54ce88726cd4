import { hash } from 'node:crypto';
import { placeUnit, totalParts } from '../src/index.ts';

const hasher = { digest: (text: string): string => `sha256:${hash('sha256', text, 'hex')}` };

/** The plainest routing keys. */
export const sequentialKey = (index: number): string => `user-${index}`;

/** Kinds of routing keys as they are met in practice, by their number. */
export const keyKinds: { readonly [kind: string]: (index: number) => string } = {
  sequential: sequentialKey,
  uuid: (index) => {
    const [a = '', b = '', c = '', d = ''] = [1, 2, 3, 4].map((word) =>
      (Math.imul(index + word, 0x9e_37_79_b1) >>> 0).toString(16).padStart(8, '0'),
    );
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-a${c.slice(1, 4)}-${c.slice(4)}${d}`;
  },
  email: (index) => `first.last${index % 977}+${Math.floor(index / 977)}@mail-${index % 13}.example.com`,
  numeric: (index) => String(100_000_000 + index * 7),
  'not ASCII': (index) => `üñí-${index}-😀`,
};

/** Positions of `count` keys under a salt. */
export const positionsOf = (salt: string, key: (index: number) => string, count: number): Uint32Array => {
  const positions = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) positions[index] = placeUnit(hasher, salt, key(index)).position;
  return positions;
};

/** Chi-square of counts against equal expectation, as a z score: `(chi2 - df) / sqrt(2 df)`. */
const chiSquareZ = (counts: Uint32Array, expected: number, degrees: number): number => {
  let sum = 0;
  for (const count of counts) sum += (count - expected) ** 2 / expected;
  return (sum - degrees) / Math.sqrt(2 * degrees);
};

/** How uneven positions are over equal cells, in sigma. */
export const unevenness = (positions: Uint32Array, cells: number): number => {
  const counts = new Uint32Array(cells);
  for (const position of positions) counts[Math.floor((position / totalParts) * cells)]! += 1;
  return chiSquareZ(counts, positions.length / cells, cells - 1);
};

/** How far two series of positions of the same keys are from independent, each over 10 cells (81 degrees of freedom), in sigma. */
export const dependence = (one: Uint32Array, other: Uint32Array): number => {
  const counts = new Uint32Array(100);
  one.forEach((position, index) => {
    const row = Math.floor((position / totalParts) * 10);
    const column = Math.floor(((other[index] as number) / totalParts) * 10);
    counts[row * 10 + column]! += 1;
  });
  return chiSquareZ(counts, one.length / 100, 81);
};

/** The share of the keys in the top tenth of one series that are in the top tenth of the other one too: 0.1 when independent. */
export const decileOverlap = (one: Uint32Array, other: Uint32Array): number => {
  const top = totalParts * 0.9;
  let inOne = 0;
  let inBoth = 0;
  one.forEach((position, index) => {
    if (position < top) return;
    inOne += 1;
    if ((other[index] as number) >= top) inBoth += 1;
  });
  return inBoth / inOne;
};

/** How far the share of positions that a weight exposes is from that weight, in sigma. */
export const shareError = (positions: Uint32Array, parts: number): number => {
  const share = parts / totalParts;
  const edge = totalParts - parts;
  let exposed = 0;
  for (const position of positions) if (position >= edge) exposed += 1;
  const expected = positions.length * share;
  return (exposed - expected) / Math.sqrt(expected * (1 - share));
};
