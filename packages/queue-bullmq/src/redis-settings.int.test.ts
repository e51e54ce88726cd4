import { afterEach, describe, expect, test } from 'vitest';
import { hasOwnRedis, type LocalRedis, startLocalRedis } from '../test/local-redis.ts';
import { queueDeps, until } from '../test/queue-deps.ts';
import { openBullmqQueue } from './open-bullmq-queue.ts';
import type { BullmqQueue } from './queue-options.ts';

describe.skipIf(!(await hasOwnRedis()))('a Redis', () => {
  let redis: LocalRedis;
  let queue: BullmqQueue;

  afterEach(async () => {
    await queue.close();
    await redis.remove();
  });

  const openOn = async (
    settings: readonly string[],
    url = (local: LocalRedis): string => local.url,
    ...user: readonly string[]
  ) => {
    redis = await startLocalRedis(...settings);
    if (user.length > 0) expect(redis.cli('ACL', 'SETUSER', ...user)).toBe('OK');
    const deps = queueDeps();
    queue = await openBullmqQueue({ ...deps, url: url(redis), probeMs: 50 });
    await until('it answers', () => queue.status().up);
    // While this process stands still Redis seems to be long on its way, which is told as well.
    const warnings = deps.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
    return warnings.filter((message) => !message.startsWith('the queue does not answer'));
  };

  const hint = { tenant: 'default', runId: 'run_1', shard: 1, priority: 0, seq: 1 };

  const expectUse = async (): Promise<void> => {
    await queue.publish([hint, { ...hint, seq: 2 }]);
    const [first, second] = await queue.claim(2, 1_000);
    await queue.release([first?.claim ?? '']);
    await queue.done([second?.claim ?? '']);
    expect(await queue.claim(2, 60_000)).toMatchObject([hint]);
    expect(await queue.size()).toBe(1);
  };

  test('that keeps what it took is durable, and nobody is warned', async () => {
    expect(await openOn(['--appendonly', 'yes'])).toEqual([]);
    expect(queue.status().durability).toBe('durable');
  });

  test('that forgets what it took, or throws keys away, is warned of once for each, with the reason', async () => {
    const warnings = await openOn(['--appendonly', 'no', '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/may lose hints.*appendonly yes.*No run is lost/);
    expect(warnings[1]).toMatch(/may evict.*noeviction.*No run is lost/);
    expect(queue.status().durability).toBe('at_risk');
    await redis.kill();
    await until('it is seen', () => !queue.status().up);
    await redis.start();
    await until('it answers', () => queue.status().up);
    expect(queue.status().durability).toBe('at_risk');
  });

  test('that syncs when it likes is at risk', async () => {
    expect(await openOn(['--appendonly', 'yes', '--appendfsync', 'no'])).toHaveLength(1);
    expect(queue.status().durability).toBe('at_risk');
  });

  test('that does not tell its settings is used all the same', async () => {
    const user = ['poor', 'on', '>s3cret', '~*', '&*', '+@all', '-config', '-client'];
    expect(await openOn([], ({ port }) => `redis://poor:s3cret@127.0.0.1:${port}`, ...user)).toEqual([]);
    expect(queue.status().durability).toBe('unknown');
    await expectUse();
  });

  test('with a user, a password and a database of its own is used', async () => {
    const user = ['skein', 'on', '>s3cret', '~*', '&*', '+@all'];
    await openOn([], ({ port }) => `redis://skein:s3cret@127.0.0.1:${port}/3`, ...user);
    await expectUse();
    expect(redis.cli('-n', '3', 'DBSIZE')).not.toBe('0');
    expect(redis.cli('DBSIZE')).toBe('0');
  });

  test('that is a cluster is used, since all keys are in one slot', async () => {
    redis = await startLocalRedis(
      '--appendonly',
      'no',
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--cluster-config-file',
      'nodes.conf',
    );
    redis.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until('the cluster is up', () => redis.cli('CLUSTER', 'INFO').includes('cluster_state:ok'));
    queue = await openBullmqQueue({ ...queueDeps(), url: `${redis.url}?cluster=true`, probeMs: 50 });
    await until('it answers', () => queue.status().up);
    await expectUse();
    await redis.kill();
    await until('it is seen', () => !queue.status().up);
    await redis.start();
    await until('it answers', () => queue.status().up);
    await queue.publish([{ ...hint, seq: 9 }]);
    expect((await queue.claim(5, 1_000)).map(({ seq }) => seq)).toContain(9);
  });
});
