import { setTimeout as sleep } from 'node:timers/promises';

/** What is killed is gone once it gets its turn, ms. */
const longestMs = 15_000;

/** What is left of something that is about to be gone: nothing as soon as that is so, or what still is there when no more is waited for. */
export const untilNone = async <T>(look: () => readonly T[] | Promise<readonly T[]>): Promise<readonly T[]> => {
  const end = performance.now() + longestMs;
  for (;;) {
    const left = await look();
    if (left.length === 0 || performance.now() >= end) return left;
    await sleep(100);
  }
};
