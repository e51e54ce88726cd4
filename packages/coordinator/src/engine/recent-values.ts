import { LRUCache } from 'lru-cache';

/**
 * A cache of at most `max` values that forgets the one used longest ago. Unlike a cache made with the library's own `max` it takes memory
 * only for what it holds: allotting ten thousand places takes milliseconds, for each such cache of each coordinator that starts.
 */
export const recentValues = <K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
  max: number,
): LRUCache<K, V> => new LRUCache<K, V>({ maxSize: max, sizeCalculation: one });

const one = (): number => 1;
