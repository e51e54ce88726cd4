import type { Random } from '@skein/ports';

/** FNV-1a of the text, 32 bits. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
};

/**
 * The same seed gives the same draws for ever. `fork(label)` depends on the seed and the label only, not on how much was drawn;
 * the same label gives the same stream.
 * @source https://github.com/bryc/code/blob/master/jshash/PRNGs.md (sfc32)
 */
export const createSeededRandom = (seed: number | string): Random => {
  const text = String(seed);
  let a = hash(`${text}#a`);
  let b = hash(`${text}#b`);
  let c = hash(`${text}#c`);
  let counter = 1;
  const draw = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round += 1) draw();
  const next = (): number => draw() / 0x1_0000_0000;
  return {
    next,
    integer: (bound) => Math.floor(next() * bound),
    fork: (label) => createSeededRandom(`${text}/${label}`),
  };
};
