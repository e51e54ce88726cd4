import { isDomainError } from '@skein/domain';
import type { RunHint } from '@skein/ports';
import { AwakeTime } from '@skein/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasOwnRedis, type LocalRedis, startLocalRedis } from '../test/local-redis.ts';
import { queueDeps, until } from '../test/queue-deps.ts';
import { openBullmqQueue } from './open-bullmq-queue.ts';
import type { BullmqQueue, BullmqQueueOptions } from './queue-options.ts';

const hint = (index: number): RunHint => ({
  tenant: 'default',
  runId: `run_${index}`,
  shard: index,
  priority: 0,
  seq: 1,
});

/** Where Redis hangs, and tests wait for the deadline. */
const deadlineMs = 300;

/** Where Redis answers, or its connection is gone: a slow machine must not look like a Redis that hangs. */
const longDeadlineMs = 5_000;

/** For calls that a slow machine may make late, and that are tried again. */
const patience = { timeout: 30_000 };

/** How long a call took, and how it ended. */
const timed = async (call: () => Promise<unknown>): Promise<{ readonly ms: number; readonly ended: string }> => {
  const start = performance.now();
  try {
    await call();
    return { ms: performance.now() - start, ended: 'answered' };
  } catch (thrown) {
    return { ms: performance.now() - start, ended: isDomainError(thrown) ? thrown.code : String(thrown) };
  }
};

describe.skipIf(!(await hasOwnRedis()))('a Redis that goes away', () => {
  let redis: LocalRedis;
  let queue: BullmqQueue;
  let deps: ReturnType<typeof queueDeps>;

  beforeEach(async () => {
    redis = await startLocalRedis('--appendonly', 'no', '--enable-debug-command', 'local');
  });
  afterEach(async () => {
    redis.resume();
    await queue.close();
    await redis.remove();
  });

  const open = async (change: Partial<BullmqQueueOptions> = {}): Promise<void> => {
    deps = queueDeps();
    queue = await openBullmqQueue({ ...deps, url: redis.url, deadlineMs, probeMs: 50, ...change });
  };

  const allCalls = (): Promise<{ readonly ms: number; readonly ended: string }[]> =>
    Promise.all([timed(() => queue.publish([hint(1)])), timed(() => queue.claim(3, 1_000)), timed(() => queue.size())]);

  const openWell = async (change: Partial<BullmqQueueOptions> = {}): Promise<void> => {
    await open(change);
    await until('it answers', () => queue.status().up);
  };

  /** It takes hints and gives them, and says so. */
  const expectWell = (): Promise<void> =>
    expect
      .poll(async () => {
        expect(deps.meter.values.get('skein_queue_up')).toBe(1);
        await queue.publish([hint(7)]);
        const claimed = await queue.claim(50, 5_000);
        expect(claimed.map(({ runId }) => runId)).toContain('run_7');
        await queue.done(claimed.map(({ claim }) => claim));
        return queue.size();
      }, patience)
      .toBe(0);

  const expectAway = async (limitMs: number): Promise<void> => {
    let slowest = Number.POSITIVE_INFINITY;
    // Once in five times: a machine that stands still slows any of them.
    for (let round = 0; round < 5 && slowest >= limitMs; round += 1) {
      const calls = await allCalls();
      expect(calls.map(({ ended }) => ended)).toEqual(['unavailable', 'unavailable', 'unavailable']);
      slowest = Math.max(...calls.map(({ ms }) => ms));
    }
    expect(slowest).toBeLessThan(limitMs);
    const { up, reason, failures } = queue.status();
    expect({ up, isFailing: failures >= 3, hasReason: (reason ?? '') !== '' }).toEqual({
      up: false,
      isFailing: true,
      hasReason: true,
    });
    expect(deps.meter.values.get('skein_queue_up')).toBe(0);
    expect(deps.meter.values.get('skein_queue_failures_total')).toBe(queue.status().failures);
  };

  test('is waited for at the start no longer than the deadline, and used as soon as it comes', async () => {
    await redis.kill();
    const start = performance.now();
    await open();
    expect(performance.now() - start).toBeLessThan(30_000);
    await expectAway(deadlineMs);
    let wakes = 0;
    queue.onAvailable(() => {
      wakes += 1;
    });
    await redis.start();
    await expectWell();
    expect(wakes).toBeGreaterThan(0);
  });

  test('that was never there is told of once, with the reason, and is used when it comes', async () => {
    await redis.kill();
    await open();
    const told = (): readonly unknown[] =>
      deps.log.lines.flatMap(({ level, fields }) => (level === 'warn' ? [fields?.['reason']] : []));
    await until('it is told', () => told().length > 0);
    const failures = queue.status().failures;
    await until('some more probes fail', async () => {
      await timed(() => queue.size());
      return queue.status().failures > failures + 20;
    });
    expect(told()).toEqual(['ECONNREFUSED']);
    await redis.start();
    await until('it answers', () => queue.status().up);
  });

  test('killed under load fails every call in time, and heals when it comes back empty', async () => {
    await openWell({ deadlineMs: longDeadlineMs });
    let stopped = false;
    const awake = new AwakeTime();
    const ends = new Map<string, number>();
    let slowest = 0;
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let round = 0; !stopped; round += 1) {
        const begunMs = awake.ms;
        const { ended } = await timed(async () => {
          await queue.publish([hint(lane * 1_000_000 + round)]);
          await queue.done((await queue.claim(5, 1_000)).map(({ claim }) => claim));
        });
        ends.set(ended, (ends.get(ended) ?? 0) + 1);
        slowest = Math.max(slowest, awake.ms - begunMs);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    for (let round = 0; round < 3; round += 1) {
      const before = ends.get('answered') ?? 0;
      await until('calls are answered', () => (ends.get('answered') ?? 0) > before + 20);
      await redis.kill();
      await until('it is seen', () => !queue.status().up);
      await redis.start();
      await until('it answers', () => queue.status().up);
    }
    stopped = true;
    await Promise.all(lanes);
    awake.stop();
    expect([...ends.keys()].toSorted()).toEqual(['answered', 'unavailable']);
    expect(slowest).toBeLessThan(10_000);
    const warnings = deps.log.lines.filter(({ message }) => message.startsWith('the queue does not answer'));
    // One each time.
    expect(warnings.length).toBeGreaterThanOrEqual(3);
    expect(warnings.length).toBeLessThan(10);
    await until('what was left in it is claimed', async () => {
      await queue.done((await queue.claim(500, 1_000)).map(({ claim }) => claim));
      return (await queue.size()) === 0;
    });
    await expectWell();
  });

  test('that hangs costs one deadline, then calls fail at once; what it did meanwhile is handed back', async () => {
    await openWell();
    await expect
      .poll(() => timed(() => queue.publish([hint(1), hint(2)])), patience)
      .toMatchObject({ ended: 'answered' });
    redis.pause();
    // The claim reaches the server, whose answer comes too late.
    expect(await timed(() => queue.claim(2, 60_000))).toMatchObject({ ended: 'unavailable' });
    await expectAway(50);
    redis.resume();
    await until('it answers', () => queue.status().up);
    const claimable = async (): Promise<number> => {
      const claimed = await queue.claim(2, 60_000);
      if (claimed.length < 2) await queue.release(claimed.map(({ claim }) => claim));
      return claimed.length;
    };
    await expect.poll(claimable, patience).toBe(2);
  });

  test('that hangs for long is connected to anew, and used when it goes on', async () => {
    await openWell();
    redis.pause();
    await until('it is seen', () => !queue.status().up);
    await until('it has been away for a while', () => (queue.status().downMs ?? 0) > 8 * deadlineMs);
    redis.resume();
    await expectWell();
  });

  test('that sleeps for less than the deadline is waited for', async () => {
    await openWell({ deadlineMs: longDeadlineMs });
    let sleeping = true;
    const slept = redis.sleep(0.4).then(() => {
      sleeping = false;
    });
    let slowest = 0;
    for (let round = 0; sleeping; round += 1) {
      const { ms, ended } = await timed(() => queue.publish([hint(round)]));
      expect(ended).toBe('answered');
      slowest = Math.max(slowest, ms);
    }
    await slept;
    expect(slowest).toBeGreaterThan(200);
    expect(queue.status().up).toBe(true);
  });

  test('that is emptied forgets all hints and takes new ones; answers to the old ones change nothing', async () => {
    await openWell({ deadlineMs: longDeadlineMs });
    await queue.publish([hint(1), hint(2), hint(3)]);
    const claimed = await queue.claim(2, 60_000);
    redis.cli('FLUSHALL');
    redis.cli('SCRIPT', 'FLUSH');
    expect(await queue.size()).toBe(0);
    expect(await queue.claim(5, 1_000)).toEqual([]);
    await queue.publish([hint(1)]);
    await queue.done([claimed[0]?.claim ?? '']);
    await queue.release([claimed[1]?.claim ?? '']);
    expect(await queue.size()).toBe(1);
    await expectWell();
  });

  test('that refuses writes is away while it does, and is tried again by each call', async () => {
    await openWell({ deadlineMs: longDeadlineMs });
    await queue.publish([hint(1)]);
    redis.cli('CONFIG', 'SET', 'maxmemory', '1');
    expect(await timed(() => queue.publish([hint(2)]))).toMatchObject({ ended: 'unavailable' });
    expect(queue.status()).toMatchObject({ up: false, reason: 'OOM' });
    expect(deps.meter.values.get('skein_queue_up')).toBe(0);
    redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    await queue.publish([hint(2)]);
    expect(queue.status().up).toBe(true);
    redis.cli('CONFIG', 'SET', 'maxmemory', '1');
    await expect(queue.publish([hint(3)])).rejects.toThrow('OOM');
    redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    // It is seen also when nobody publishes.
    await expectWell();
  });

  test('whose password is wrong says so, without the password', async () => {
    await redis.remove();
    redis = await startLocalRedis('--requirepass', 'right');
    deps = queueDeps();
    queue = await openBullmqQueue({ ...deps, url: redis.url.replace('//', '//:wr0ng@'), deadlineMs, probeMs: 50 });
    await until('it says why', () => queue.status().reason === 'WRONGPASS');
    expect(JSON.stringify([deps.log.lines, queue.status()])).not.toContain('wr0ng');
  });
});
