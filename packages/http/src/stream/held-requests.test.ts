import { expect, test } from 'vitest';
import { createHeldRequests } from './held-requests.ts';

test('gives each place once, takes it back once, and says when to come back', () => {
  const counts: number[] = [];
  const places = createHeldRequests(2, (count) => counts.push(count));
  const leave = places.take();
  places.take();
  expect(() => places.take()).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
  leave();
  leave();
  expect(places.count).toBe(1);
  places.take();
  expect(() => places.take()).toThrow('2 streams or waits');
  expect(counts).toEqual([1, 2, 1, 2]);
});
