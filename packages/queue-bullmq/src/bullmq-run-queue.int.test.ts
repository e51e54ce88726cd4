import type { RunHint } from '@skein/ports';
import { describeRunQueue, FakeClock, type StoresUnderTest } from '@skein/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hasOwnRedis, type LocalRedis, startLocalRedis } from '../test/local-redis.ts';
import { queueDeps, until } from '../test/queue-deps.ts';
import { openBullmqQueue } from './open-bullmq-queue.ts';
import type { BullmqQueue, BullmqQueueOptions } from './queue-options.ts';

const hint = (index: number, change: Partial<RunHint> = {}): RunHint => ({
  tenant: 'default',
  runId: `run_${index}`,
  shard: index,
  priority: 0,
  seq: 1,
  ...change,
});

describe.skipIf(!(await hasOwnRedis()))('on Redis', () => {
  let redis: LocalRedis;
  let prefixes = 0;
  let opened: BullmqQueue[] = [];

  beforeAll(async () => {
    redis = await startLocalRedis('--appendonly', 'no');
  });
  afterEach(async () => {
    await Promise.all(opened.map((queue) => queue.close()));
    opened = [];
  });
  afterAll(() => redis.remove());

  const newPrefix = (): string => `{skein-${++prefixes}}`;

  const open = async (prefix: string, change: Partial<BullmqQueueOptions> = {}): Promise<BullmqQueue> => {
    const queue = await openBullmqQueue({ ...queueDeps(), url: redis.url, prefix, ...change });
    opened.push(queue);
    await until('it answers', () => queue.status().up);
    return queue;
  };

  describeRunQueue('BullMQ', () => {
    const clock = new FakeClock();
    let queue: BullmqQueue | undefined;
    const close = async (): Promise<void> => queue?.close();
    return {
      clock,
      open: async () => {
        await close();
        queue = await openBullmqQueue({ ...queueDeps(clock), url: redis.url, prefix: newPrefix() });
        return { queue, close } as StoresUnderTest;
      },
      close,
    };
  });

  describe('what the port says beyond the suite', () => {
    test('priorities from one end to the other keep their order, equal ones that of their coming', async () => {
      const queue = await open(newPrefix());
      const priorities = [0, 1_000_000, -1_000_000, 7, -7, 7, 0];
      await queue.publish(priorities.map((priority, index) => hint(index, { priority })));
      const claimed = await queue.claim(10, 1_000);
      expect(claimed.map(({ priority, runId }) => [priority, runId])).toEqual([
        [1_000_000, 'run_1'],
        [7, 'run_3'],
        [7, 'run_5'],
        [0, 'run_0'],
        [0, 'run_6'],
        [-7, 'run_4'],
        [-1_000_000, 'run_2'],
      ]);
    });

    test('names that BullMQ would part or refuse are carried whole', async () => {
      const queue = await open(newPrefix());
      const odd = [
        hint(1, { tenant: 'a:b', runId: 'c' }),
        hint(1, { tenant: 'a', runId: 'b:c' }),
        hint(1, { tenant: 'a/b', runId: '17' }),
        hint(1, { tenant: 'a', runId: 'b/17' }),
        hint(1, { tenant: '{ä}', runId: '%2F' }),
      ];
      await queue.publish(odd);
      const claimed = await queue.claim(10, 1_000);
      expect(claimed).toEqual(odd.map((one) => expect.objectContaining(one)));
    });

    test('hints that are handed back together keep their order, before those of their priority that waited', async () => {
      const queue = await open(newPrefix());
      await queue.publish([hint(1), hint(2), hint(3), hint(4), hint(5, { priority: 1 })]);
      const claimed = await queue.claim(4, 60_000);
      await queue.release(claimed.map(({ claim }) => claim));
      expect((await queue.claim(9, 1_000)).map(({ runId }) => runId)).toEqual([
        'run_5',
        'run_1',
        'run_2',
        'run_3',
        'run_4',
      ]);
    });

    test('two processes share the hints and never one of them', async () => {
      const prefix = newPrefix();
      const [a, b] = [await open(prefix), await open(prefix)];
      await Promise.all([
        a.publish(Array.from({ length: 100 }, (_, index) => hint(index))),
        b.publish(Array.from({ length: 100 }, (_, index) => hint(index + 50))),
      ]);
      expect(await a.size()).toBe(150);
      const claims = await Promise.all([a, b, a, b].map((queue) => queue.claim(60, 10_000)));
      const runs = claims.flat().map(({ runId }) => runId);
      expect(runs).toHaveLength(150);
      expect(new Set(runs).size).toBe(150);
      await Promise.all([a, b].map((queue) => queue.done(claims.flat().map(({ claim }) => claim))));
      expect(await a.size()).toBe(0);
      // Nothing of a hint that is done stays behind.
      const left = redis
        .cli('--scan', '--pattern', `${prefix}*`)
        .split('\n')
        .map((key) => key.split(':').at(-1));
      expect(
        left.filter((key) => !['meta', 'id', 'events', 'marker', 'pc', 'stalled-check'].includes(key ?? '')),
      ).toEqual([]);
    });

    test('another process hears of hints that their publisher does not take', async () => {
      const prefix = newPrefix();
      const [a, b] = [await open(prefix), await open(prefix)];
      let wakes = 0;
      b.onAvailable(() => {
        wakes += 1;
      });
      await a.publish([hint(1)]);
      await until('a wake', () => wakes > 0);
      expect(await b.claim(5, 1_000)).toHaveLength(1);
    });

    test('what a process held that stopped in order is handed out at once', async () => {
      const prefix = newPrefix();
      const [a, b] = [await open(prefix), await open(prefix)];
      await a.publish([hint(1), hint(2)]);
      expect(await a.claim(1, 60_000)).toHaveLength(1);
      await a.close();
      expect((await b.claim(5, 1_000)).map(({ runId }) => runId)).toEqual(['run_1', 'run_2']);
    });

    test('what a process held that died comes back in its place after its lock, and the late answer of the dead changes nothing', async () => {
      const prefix = newPrefix();
      // A process that does not know of lapses any more: its clock stands still.
      const stopped = new FakeClock();
      const times = { lockMs: 200, stalledMs: 50, deadlineMs: 60_000 };
      const dead = await open(prefix, { clock: stopped, ...times });
      const b = await open(prefix, { ...times, deadlineMs: 2_000 });
      await dead.publish([hint(1), hint(2), hint(3, { priority: 9 })]);
      const [top, first] = await dead.claim(2, 100);
      expect([top?.runId, first?.runId]).toEqual(['run_3', 'run_1']);
      await b.publish([hint(4, { priority: 5 })]);
      const came: string[] = [];
      const names: string[] = [];
      await until('all of them', async () => {
        // One at a time and slowly, so that what comes back has its place to find.
        if ((await b.size()) === 4 && redis.cli('llen', `${prefix}:runs:active`) === '0') {
          const claimed = await b.claim(10, 60_000);
          came.push(...claimed.map(({ runId }) => runId));
          names.push(...claimed.map(({ claim }) => claim));
        }
        return came.length > 0;
      });
      expect(came).toEqual(['run_3', 'run_4', 'run_1', 'run_2']);
      await dead.done([top?.claim ?? '', first?.claim ?? '']);
      expect(await b.size()).toBe(4);
      await b.done(names);
      expect(await b.size()).toBe(0);
    });

    test('a job that is no hint is thrown away, and the others are handed out', async () => {
      const prefix = newPrefix();
      const deps = queueDeps();
      const queue = await open(prefix, deps);
      await queue.publish([hint(1, { shard: 1.5 }), hint(2)]);
      expect((await queue.claim(5, 1_000)).map(({ runId }) => runId)).toEqual(['run_2']);
      await until('only the hint is left', async () => (await queue.size()) === 1);
      expect(deps.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toContain(
        'a job of the queue is no hint: it is removed',
      );
    });

    test('a thousand hints go through in one batch', async () => {
      const queue = await open(newPrefix());
      await queue.publish(Array.from({ length: 1_000 }, (_, index) => hint(index, { priority: index % 3 })));
      const claimed = await queue.claim(2_000, 10_000);
      expect(claimed).toHaveLength(1_000);
      await queue.done(claimed.map(({ claim }) => claim));
      expect(await queue.size()).toBe(0);
    });
  });
});
