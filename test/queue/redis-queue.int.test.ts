import { hasRedis, type RedisServer, startRedis } from '@skein/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RedisQueueWorld } from './redis-queue-world.ts';

/** The longest that a lost hint may delay a run, in ms: some periods of the sweep, and less than a claim lasts. */
const sweepMs = 5_000;

const patience = { timeout: 20_000 };

const isOwn = process.env['TEST_REDIS_URL'] === undefined && (await hasRedis());

describe.skipIf(!isOwn)('runs whose hints are on Redis', () => {
  let redis: RedisServer;
  let world: RedisQueueWorld;

  beforeEach(async () => {
    redis = await startRedis();
    world = await new RedisQueueWorld().open(redis.url, 32);
  });
  afterEach(async () => {
    await world.close();
    await redis.stop();
  });

  const finished = (runs: number): Promise<unknown> =>
    vi.waitFor(() => expect(world.finishedAt.size).toBeGreaterThanOrEqual(runs), { timeout: 50_000, interval: 10 });

  const queueCheck = (): string => world.coordinator.readiness().checks['queue']?.detail ?? '';

  test('go on from the store while Redis is stopped, which readiness tells, and by hints again when it is back', async () => {
    const runs = await world.submit(400);
    world.join(16);
    await finished(100);
    await redis.kill();
    await expect.poll(queueCheck, patience).toMatch(/^away \(.+\) .*; runs are admitted from the store$/);
    await expect.poll(() => world.coordinator.readiness().status, patience).toBe('ready');
    const claimedBefore = world.hints.claimed;
    const during = await world.submit(100);
    await vi.waitFor(() => expect(during.filter((runId) => !world.finishedAt.has(runId))).toEqual([]), {
      timeout: 50_000,
      interval: 10,
    });
    expect(world.hints.claimed).toBe(claimedBefore);
    await redis.start();
    await expect.poll(queueCheck, patience).toMatch(/^answers/);
    await finished(500);
    expect(world.longestPause()).toBeLessThan(sweepMs);
    // The time without anything to do is no pause.
    world.finishedAt.clear();
    const more = await world.submit(100);
    await finished(100);
    expect(world.hints.claimed).toBeGreaterThan(claimedBefore);
    await expect.poll(() => world.statuses([...runs, ...during, ...more]), patience).toEqual({ succeeded: 600 });
    expect(world.longestPause()).toBeLessThan(sweepMs);
    expect(world.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('go on while Redis hangs, after one deadline', async () => {
    const runs = await world.submit(300);
    world.join(16);
    await finished(50);
    redis.signal('SIGSTOP');
    await finished(300);
    await expect.poll(queueCheck, patience).toMatch(/^away/);
    redis.signal('SIGCONT');
    await expect.poll(queueCheck, patience).toMatch(/^answers/);
    await expect.poll(() => world.statuses(runs), patience).toEqual({ succeeded: 300 });
    expect(world.longestPause()).toBeLessThan(sweepMs);
  });
});
