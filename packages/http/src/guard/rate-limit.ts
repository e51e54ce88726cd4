import { DomainError } from '@skein/domain';
import type { Meter } from '@skein/ports';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Rate } from './guard-config.ts';

/** One limit, by key. */
export interface RateLimit {
  /** Takes one. Throws `resource_exhausted` with `retryAfterMs` when there was none left. */
  take(key: string): Promise<void>;
  /** How long the key has to wait, ms; undefined when it need not. */
  waitOf(key: string): Promise<number | undefined>;
}

/** A limit in the memory of this process, named `limit` in the metric. */
export const createRateLimit = (limit: string, { requests, seconds }: Rate, meter: Meter): RateLimit => {
  const limiter = new RateLimiterMemory({ points: requests, duration: seconds, keyPrefix: limit });
  return {
    take: async (key) => {
      try {
        await limiter.consume(key);
      } catch (thrown) {
        if (!(thrown instanceof RateLimiterRes)) throw thrown;
        meter.count('skein_http_rate_limited_total', 1, { limit });
        throw tooMany(limit, thrown.msBeforeNext);
      }
    },
    waitOf: async (key) => {
      const found = await limiter.get(key);
      return found !== null && found.consumedPoints > requests ? found.msBeforeNext : undefined;
    },
  };
};

/** The answer to whoever comes too often. */
export const tooMany = (limit: string, waitMs: number): DomainError =>
  new DomainError('resource_exhausted', 'too many requests; come back later', {
    retryAfterMs: Math.max(1, Math.ceil(waitMs)),
    limit,
  });
