import type { Random } from '@skein/ports';

/**
 * Milliseconds before connection attempt `failures + 1`: exponential with full jitter, so that a fleet that lost its
 * coordinator does not come back in one wave.
 * @source https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export const reconnectDelayMs = (random: Random, failures: number, baseMs: number, capMs: number): number =>
  Math.floor(random.next() * Math.min(capMs, baseMs * 2 ** Math.min(failures, 30)));
