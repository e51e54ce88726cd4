import { expect, test } from 'vitest';
import { recentValues } from './recent-values.ts';

test('as many values as allowed are kept, and the one used longest ago goes first', () => {
  const values = recentValues<string, number>(2);
  values.set('a', 1);
  values.set('b', 2);
  values.get('a');
  values.set('c', 3);
  expect([values.get('a'), values.get('b'), values.get('c')]).toEqual([1, undefined, 3]);
  expect(values.size).toBe(2);
});
