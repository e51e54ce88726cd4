import { expect, test } from 'vitest';
import { countFailures, defaultRestartPolicy, restartDelayMs } from './restart-policy.ts';

const policy = { baseMs: 100, factor: 2, maxMs: 1_000, healthyAfterMs: 30_000 };

test('doubles the delay up to its bound', () => {
  expect([1, 2, 3, 4, 5, 1_000_000].map((failures) => restartDelayMs(policy, failures, 1))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test('takes at most a quarter off as jitter', () => {
  expect(restartDelayMs(policy, 1, 0)).toBe(75);
  expect(restartDelayMs(policy, 2, 0.5)).toBe(175);
});

test('forgives after a healthy time, and only then', () => {
  expect(countFailures(policy, 0, 5)).toBe(1);
  expect(countFailures(policy, 4, 29_999)).toBe(5);
  expect(countFailures(policy, 4, 30_000)).toBe(1);
});

test('restarts within a tenth of a second after the first failure by default', () => {
  expect(restartDelayMs(defaultRestartPolicy, 1, 0.99)).toBeLessThanOrEqual(100);
});
