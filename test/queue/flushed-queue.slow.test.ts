import { hasRedis, startRedis } from '@skein/testkit';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { RedisQueueWorld } from './redis-queue-world.ts';

/** The longest that a lost hint may delay a run, in ms: some periods of the sweep, and less than a claim lasts. */
const sweepMs = 5_000;

const isOwn = process.env['TEST_REDIS_URL'] === undefined && (await hasRedis());

test.skipIf(!isOwn)(
  'a thousand runs are all done, and none waits for longer than a sweep, when Redis is emptied between hints and their claims',
  async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const world = await new RedisQueueWorld().open(redis.url, 32);
    try {
      let batches = 0;
      let flushed = 0;
      world.onPublished = () => {
        batches += 1;
        // On another connection: sometimes before the claim, sometimes behind it.
        if (batches % 3 !== 0) return;
        flushed += 1;
        admin.flushall().catch(() => undefined);
      };
      const runs = await world.submit(1_000);
      expect((await world.statuses(runs))['queued']).toBeGreaterThan(900);
      world.join(16);
      await expect.poll(() => world.statuses(runs), { timeout: 240_000, interval: 250 }).toEqual({ succeeded: 1_000 });
      expect(flushed).toBeGreaterThan(5);
      expect(world.hints.claimed).toBeGreaterThan(0);
      expect(world.longestPause()).toBeLessThan(sweepMs);
    } finally {
      admin.disconnect();
      await world.close();
      await redis.stop();
    }
  },
);
