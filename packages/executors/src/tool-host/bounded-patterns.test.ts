import { expect, test } from 'vitest';
import { createBoundedPatterns } from './bounded-patterns.ts';

test('matches as the engine does', () => {
  const pattern = createBoundedPatterns().compile('^a+$');
  expect(pattern.test('aaa')).toBe(true);
  expect(pattern.test('aab')).toBe(false);
});

test('gives up on a search without end, and goes on with the next', () => {
  const patterns = createBoundedPatterns(300);
  const slow = patterns.compile('^(a+)+$');
  expect(() => slow.test(`${'a'.repeat(60)}b`)).toThrow(expect.objectContaining({ code: 'deadline_exceeded' }));
  expect(slow.test('aaa')).toBe(true);
});

test('refuses what is no regular expression', () => {
  expect(() => createBoundedPatterns().compile('(')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
});
