import { DomainError } from '@skein/domain';
import type { SubmitRunInput } from '@skein/sdk';
import { createMemoryLog, FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import { composeScheduler } from './compose.ts';
import { readConfig } from './config.ts';

const schedule = {
  dag: 'nightly',
  dagDigest: `sha256:${'a'.repeat(64)}`,
  scheduleId: 's1',
  cron: '*/1 * * * *',
  timeZone: 'UTC',
};

const start = (fails: () => boolean = () => false) => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 0, 0, 30));
  const submitted: { input: SubmitRunInput; key: string | undefined }[] = [];
  const keys = new Set<string>();
  const client = {
    schedules: { list: async () => [schedule] },
    runs: {
      submit: async (input: SubmitRunInput, options?: { readonly idempotencyKey?: string }) => {
        if (fails()) throw new DomainError('unavailable', 'away');
        const key = options?.idempotencyKey;
        submitted.push({ input, key });
        const created = !keys.has(key ?? '');
        keys.add(key ?? '');
        return { run: {}, created };
      },
    },
  };
  const scheduler = composeScheduler({ url: ['http://x'], token: 't' }, createMemoryLog(), clock, client as never);
  scheduler.start();
  return { clock, submitted, scheduler };
};

test('starts the run of each instant with the key of that fire', async () => {
  const { clock, submitted, scheduler } = start();
  await clock.advance(150_000);
  await scheduler.stop();
  const instants = submitted.map(({ input }) => input.fire?.nominalAt);
  expect(instants).toContain('2026-01-01T00:01:00.000Z');
  expect(instants).toContain('2026-01-01T00:02:00.000Z');
  expect(new Set(submitted.map(({ key }) => key)).size).toBe(submitted.length);
  expect(submitted.every(({ key }) => /^[\x21-\x7e]{1,255}$/.test(key ?? ''))).toBe(true);
});

test('an API that is away for a while costs no fire', async () => {
  let away = true;
  const { clock, submitted, scheduler } = start(() => away);
  await clock.advance(45_000);
  expect(submitted).toEqual([]);
  away = false;
  await clock.advance(5_000);
  await scheduler.stop();
  expect(submitted.map(({ input }) => input.fire?.nominalAt)).toContain('2026-01-01T00:01:00.000Z');
});

test('lists every bad setting at once', () => {
  const config = readConfig([], { SKEIN_URL: 'nope', SKEIN_LOG_LEVEL: 'loud' });
  expect(config.ok ? [] : config.error.map((line) => line.split(':')[0])).toEqual(['SKEIN_URL', 'SKEIN_LOG_LEVEL']);
  expect(readConfig(['--url', 'http://a:1'], {}).ok).toBe(false);
  expect(readConfig(['--url', 'http://a:1'], { SKEIN_TOKEN: 't' }).ok).toBe(true);
  expect(readConfig([], { SKEIN_URL: 'http://a', SKEIN_TOKEN_FILE: '/nowhere' })).toMatchObject({
    error: [expect.stringContaining('/nowhere')],
  });
});
