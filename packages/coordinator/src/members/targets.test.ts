import { expect, test } from 'vitest';
import { targetsOf } from './targets.ts';

const ids = ['a', 'b', 'c', 'd'];

test('every shard has a target, the same whoever asks, and each coordinator gets about as many', () => {
  const targets = targetsOf(ids);
  expect(targets).toHaveLength(256);
  expect(targetsOf(ids.toReversed())).toEqual(targets);
  for (const id of ids) {
    const share = targets.filter((target) => target === id).length;
    expect(share).toBeGreaterThan(40);
    expect(share).toBeLessThan(90);
  }
});

test('names that differ by one character share the shards as well as any', () => {
  const names = ['coordinator-1', 'coordinator-2', 'coordinator-3'];
  const targets = targetsOf(names);
  for (const name of names) expect(targets.filter((target) => target === name).length).toBeGreaterThan(60);
});

test('one that comes takes only what it gets, one that goes leaves only what it had', () => {
  const before = targetsOf(['a', 'b', 'c']);
  const after = targetsOf(ids);
  before.forEach((target, shard) => {
    if (after[shard] !== target) expect(after[shard]).toBe('d');
  });
  const without = targetsOf(['a', 'c']);
  before.forEach((target, shard) => {
    if (target !== 'b') expect(without[shard]).toBe(target);
  });
});

test('without coordinators there is no target', () => {
  expect(new Set(targetsOf([]))).toEqual(new Set([undefined]));
});
