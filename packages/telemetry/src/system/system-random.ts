import { randomFillSync } from 'node:crypto';
import type { Random } from '@skein/ports';

const poolBytes = 4_096;

/** Chance from the operating system, drawn in blocks. Forks are streams of their own: nobody can move another's draws. */
export const createSystemRandom = (): Random => {
  const pool = new Uint32Array(poolBytes / 4);
  let used = pool.length;
  const word = (): number => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++] as number;
  };
  // 53 random bits, so that every double of the grid in [0, 1) is as likely as any other.
  const next = (): number => ((word() >>> 5) * 0x400_0000 + (word() >>> 6)) / 2 ** 53;
  return { next, integer: (bound) => Math.floor(next() * bound), fork: () => createSystemRandom() };
};
