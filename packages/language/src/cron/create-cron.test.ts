import { DomainError } from '@skein/domain';
import { expect, test } from 'vitest';
import { createCron } from './create-cron.ts';

const cron = createCron();
const at = (iso: string): number => Date.parse(iso);
const next = (expression: string, zone: string, after: string): string | undefined => {
  const fire = cron.nextFire(expression, zone, at(after));
  return fire === undefined ? undefined : new Date(fire).toISOString();
};

test('the next fire is strictly after the given instant', () => {
  expect(next('* * * * *', 'UTC', '2026-01-01T00:00:00.000Z')).toBe('2026-01-01T00:01:00.000Z');
  expect(next('* * * * *', 'UTC', '2025-12-31T23:59:59.999Z')).toBe('2026-01-01T00:00:00.000Z');
});

test('a wall-clock time follows daylight saving in its zone', () => {
  expect(next('0 9 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z')).toBe('2026-03-28T08:00:00.000Z');
  expect(next('0 9 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z')).toBe('2026-03-29T07:00:00.000Z');
});

test('a fixed time in the hour that spring skips fires once, right after the gap', () => {
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z');
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-29T01:00:00Z')).toBe('2026-03-30T00:30:00.000Z');
});

test('a fixed time in the hour that autumn repeats fires once', () => {
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T00:30:00.000Z');
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z');
});

test('an expression with a step fires through both copies of the repeated hour', () => {
  expect(next('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-25T01:00:00.000Z');
  expect(next('*/30 * * * *', 'Europe/Berlin', '2026-10-25T01:00:00Z')).toBe('2026-10-25T01:30:00.000Z');
});

test('nicknames, names of days and the 29th of February work', () => {
  expect(next('@daily', 'UTC', '2026-01-01T00:00:00Z')).toBe('2026-01-02T00:00:00.000Z');
  expect(next('0 9 * * MON-FRI', 'UTC', '2026-01-02T10:00:00Z')).toBe('2026-01-05T09:00:00.000Z');
  expect(next('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z')).toBe('2028-02-29T00:00:00.000Z');
});

test('fires rise, whatever the expression', () => {
  for (const expression of ['*/7 * * * *', '0 */5 * * *', '15 3 1,15 * *', '0 0 * * 0']) {
    let after = at('2026-03-01T00:00:00Z');
    for (let fire = 0; fire < 50; fire += 1) {
      const following = cron.nextFire(expression, 'America/New_York', after) ?? 0;
      expect(following).toBeGreaterThan(after);
      after = following;
    }
  }
});

test.each([
  ['61 * * * *', 'UTC'],
  ['* * * *', 'UTC'],
  ['* * * * * *', 'UTC'],
  ['2026-01-01T00:00:00', 'UTC'],
  ['0 0 30 2 *', 'UTC'],
  ['@sometimes', 'UTC'],
  ['', 'UTC'],
  ['* * * * *', 'Mars/Olympus'],
  ['* * * * *', '+02:00'],
  ['* * * * *', ''],
])('%j in zone %j is refused as invalid_argument', (expression, zone) => {
  expect(() => cron.nextFire(expression, zone, 0)).toThrow(DomainError);
  try {
    cron.nextFire(expression, zone, 0);
  } catch (thrown) {
    expect((thrown as DomainError).code).toBe('invalid_argument');
  }
});
