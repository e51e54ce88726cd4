import { FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import { DueWheel } from './due-wheel.ts';

const setUp = () => {
  const clock = new FakeClock(1_000);
  const woken: string[] = [];
  return { clock, woken, wheel: new DueWheel(clock, (key) => woken.push(key)) };
};

test('wakes in the order of the instants, with one timer for all', async () => {
  const { clock, woken, wheel } = setUp();
  wheel.set('c', 1_300);
  wheel.set('a', 1_100);
  wheel.set('b', 1_200);
  expect(clock.pending).toBe(1);
  await clock.advance(250);
  expect(woken).toEqual(['a', 'b']);
  await clock.advance(100);
  expect(woken).toEqual(['a', 'b', 'c']);
  expect(clock.pending).toBe(0);
});

test('a new instant replaces the old one, and none forgets the key', async () => {
  const { clock, woken, wheel } = setUp();
  wheel.set('a', 1_100);
  wheel.set('a', 1_500);
  wheel.set('b', 1_100);
  wheel.set('b', undefined);
  await clock.advance(300);
  expect(woken).toEqual([]);
  await clock.advance(300);
  expect(woken).toEqual(['a']);
});

test('a jump of the wall clock is noticed with the next tick', async () => {
  const { clock, woken, wheel } = setUp();
  wheel.set('a', 100_000);
  clock.jumpWall(200_000);
  wheel.tick();
  expect(woken).toEqual(['a']);
});

test('instants that were replaced do not pile up', async () => {
  const { clock, woken, wheel } = setUp();
  wheel.set('live', 5_000);
  for (let run = 0; run < 100_000; run += 1) {
    wheel.set(`run ${run}`, 1_000_000 + run);
    wheel.set(`run ${run}`, undefined);
  }
  expect(wheel.held).toBeLessThan(5_000);
  await clock.advance(4_000);
  expect(woken).toEqual(['live']);
});
