import { DomainError } from '@skein/domain';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hintOf, jobIdOf, jobPriorityOf } from './hint-job.ts';
import { openBullmqQueue } from './open-bullmq-queue.ts';
import { parseRedisUrl } from './redis-client.ts';

describe('the URL of Redis', () => {
  test.each([
    ['redis://host', { cluster: false, host: 'host', port: 6379, options: {} }],
    ['redis://host:7000/2', { cluster: false, host: 'host', port: 7000, options: { db: 2 } }],
    [
      'rediss://u:p%40ss@host',
      {
        cluster: false,
        host: 'host',
        port: 6379,
        options: { username: 'u', password: 'p@ss', tls: { servername: 'host' } },
      },
    ],
    ['rediss://[::1]', { cluster: false, host: '::1', port: 6379, options: { tls: {} } }],
    ['redis://:secret@[::1]:1', { cluster: false, host: '::1', port: 1, options: { password: 'secret' } }],
    ['redis://host:7000?cluster=true', { cluster: true, host: 'host', port: 7000, options: {} }],
  ])('%s says where and how', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  test.each([
    '',
    'host:6379',
    'http://:hush@host',
    'redis://',
    'redis://:hush@host/x',
    'redis://:hush@host/1?cluster=true',
    'redis://:hush%@host',
  ])('"%s" is refused without being shown', (url) => {
    const refuse = (): unknown => parseRedisUrl(url);
    expect(refuse).toThrow(DomainError);
    expect(refuse).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(refuse).not.toThrow(/hush/);
  });
});

test.each(['skein', '{a}:b', '{}', '{a b}', ''])('the prefix "%s" is refused', async (prefix) => {
  const never = undefined as never;
  const opening = openBullmqQueue({ url: 'redis://host', prefix, log: never, meter: never, clock: never, ids: never });
  await expect(opening).rejects.toMatchObject({ code: 'invalid_argument' });
});

test('ids of jobs hold no colon, are no integers, and differ where hints do', () => {
  const part = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a', 'a/b', 'b', 'a:b', '1', '%2F', '/'));
  const name = fc.tuple(part, part, fc.nat(2));
  fc.assert(
    fc.property(name, name, (one, other) => {
      const ids = [one, other].map(([tenant, runId, seq]) => jobIdOf({ tenant, runId, seq, shard: 0, priority: 0 }));
      for (const id of ids) expect(id).not.toMatch(/:|^\d+$/);
      expect(ids[0] === ids[1]).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

test('priorities turn around and stay within what BullMQ takes', () => {
  const priorities = [1_000_000, 1, 0, -1, -1_000_000].map(jobPriorityOf);
  expect(priorities).toEqual([...priorities].sort((a, b) => a - b));
  expect(new Set(priorities).size).toBe(5);
  for (const priority of [
    ...priorities,
    jobPriorityOf(Number.MAX_SAFE_INTEGER),
    jobPriorityOf(-Number.MAX_SAFE_INTEGER),
  ]) {
    expect(priority).toBeGreaterThanOrEqual(1);
    expect(priority).toBeLessThan(2 ** 21);
  }
});

test.each([
  null,
  'text',
  {},
  { tenant: 'a', runId: 'b', shard: 1, priority: 0 },
  { tenant: '', runId: 'b', shard: 1, priority: 0, seq: 1 },
])('the data %j is no hint', (data) => {
  expect(hintOf(data)).toBeUndefined();
});
