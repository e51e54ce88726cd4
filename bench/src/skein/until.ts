import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from '../measure.ts';

/** Asks again and again until there is an answer; throws with `what` after the limit. */
export const until = async <T>(
  what: string,
  find: () => T | undefined | Promise<T | undefined>,
  { everyMs = 10, limitMs = 60_000 }: { readonly everyMs?: number; readonly limitMs?: number } = {},
): Promise<T> => {
  const end = nowMs() + limitMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (nowMs() > end) throw new Error(`not within ${limitMs / 1_000} s: ${what}`);
    await sleep(everyMs);
  }
};
