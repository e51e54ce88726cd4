import { randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafe(8_192);
let used = pool.length;

/** An id of so many random bytes, in hex. Taken from a pool: to ask the system for each costs more than all the rest of a span. */
export const freshId = (bytes: 8 | 16): string => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
};
