import { expect, test } from 'vitest';
import { createSeededRandom } from './seeded-random.ts';
import { createSequenceIds } from './sequence-ids.ts';

const draws = (seed: string) => {
  const random = createSeededRandom(seed);
  return Array.from({ length: 5 }, () => random.next());
};

test('the same seed draws the same numbers, another seed others', () => {
  expect(draws('a')).toEqual(draws('a'));
  expect(draws('a')).not.toEqual(draws('b'));
});

test('a fork does not depend on what its parent drew', () => {
  const drained = createSeededRandom(1);
  for (let index = 0; index < 100; index += 1) drained.next();
  expect(drained.fork('x').next()).toBe(createSeededRandom(1).fork('x').next());
  expect(drained.fork('x').next()).not.toBe(drained.fork('y').next());
});

test('integers are uniform within their bound', () => {
  const random = createSeededRandom(7);
  const counts = [0, 0, 0, 0];
  for (let index = 0; index < 40_000; index += 1) {
    const drawn = random.integer(4);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  expect(counts).toHaveLength(4);
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('ids sort in the order in which they were made', () => {
  const ids = createSequenceIds();
  const made = Array.from({ length: 300 }, () => ids.next('run'));
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(300);
  expect(made[0]).toMatch(/^run_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});
