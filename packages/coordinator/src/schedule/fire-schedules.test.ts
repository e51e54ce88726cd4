import { DomainError } from '@skein/domain';
import { createMemoryLog, FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import type { ScheduleView } from '../coordinator.ts';
import { createScheduler } from './fire-schedules.ts';

const minute = 60_000;
const everyMinute: ScheduleView = {
  dag: 'd',
  dagDigest: 'sha256:0',
  scheduleId: 's',
  cron: '* * * * *',
  timeZone: 'UTC',
};
const cron = {
  nextFire: (_cron: string, _zone: string, afterMs: number) => (Math.floor(afterMs / minute) + 1) * minute,
};

const setUp = (schedules: ScheduleView[] = [everyMinute], startMs = 10 * minute + 30_000) => {
  const clock = new FakeClock(startMs);
  const fires: number[] = [];
  const created = new Set<number>();
  let failing = 0;
  const submitFire = async ({ nominalAt }: { readonly nominalAt: number }) => {
    if (failing > 0) {
      failing -= 1;
      throw new DomainError('unavailable', 'away');
    }
    fires.push(nominalAt / minute);
    const isNew = !created.has(nominalAt);
    created.add(nominalAt);
    return { created: isNew };
  };
  const make = () =>
    createScheduler({
      clock,
      cron,
      log: createMemoryLog(),
      schedules: { listSchedules: async () => schedules },
      submitFire,
    });
  return { clock, fires, created, make, schedules, fail: (times: number) => (failing = times) };
};

test('fires each instant once, and makes up for the last minute at the start', async () => {
  const { clock, fires, make } = setUp();
  const scheduler = make();
  scheduler.start();
  await clock.advance(2 * minute);
  await scheduler.stop();
  expect(fires).toEqual([10, 11, 12]);
  expect(clock.pending).toBe(0);
});

test('two schedulers make one run per fire', async () => {
  const { clock, created, fires, make } = setUp();
  const both = [make(), make()];
  for (const scheduler of both) scheduler.start();
  await clock.advance(2 * minute);
  await Promise.all(both.map((scheduler) => scheduler.stop()));
  expect([...created].map((at) => at / minute)).toEqual([10, 11, 12]);
  expect(fires).toHaveLength(6);
});

test('after a jump forwards only the last minute is made up for', async () => {
  const { clock, fires, make } = setUp();
  const scheduler = make();
  scheduler.start();
  await clock.advance(1_000);
  clock.jumpWall(60 * minute);
  await clock.advance(5_000);
  await scheduler.stop();
  expect(fires).toEqual([10, 70]);
});

test('after a jump backwards no fire is doubled, and the schedule goes on', async () => {
  const { clock, created, make } = setUp();
  const scheduler = make();
  scheduler.start();
  await clock.advance(2 * minute);
  clock.jumpWall(-2 * minute);
  await clock.advance(4 * minute);
  await scheduler.stop();
  expect([...created].map((at) => at / minute)).toEqual([10, 11, 12, 13, 14]);
});

test('a fire that fails in passing is tried again within its minute', async () => {
  const { clock, fires, make, fail } = setUp([everyMinute], 10 * minute + 1);
  fail(3);
  const scheduler = make();
  scheduler.start();
  await clock.advance(10_000);
  await scheduler.stop();
  expect(fires).toEqual([10]);
});

test('a schedule that appears later has missed nothing, and one that goes away stops', async () => {
  const { clock, fires, make, schedules } = setUp([]);
  const scheduler = make();
  scheduler.start();
  await clock.advance(10_000);
  schedules.push(everyMinute);
  await clock.advance(minute);
  schedules.pop();
  await clock.advance(2 * minute);
  await scheduler.stop();
  expect(fires).toEqual([11]);
});
