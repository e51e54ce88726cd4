import { expect, test } from 'vitest';
import { createHeldRequests, shareOfHeldRequests } from './held-requests.ts';

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

test('a share holds at most its part of all places, and none when all are held', () => {
  const all = createHeldRequests(2);
  const share = shareOfHeldRequests(all, 1);
  const leave = share.take();
  expect(() => share.take()).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
  all.take();
  leave();
  leave();
  all.take();
  expect(() => share.take()).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
  expect([share.count, all.count]).toEqual([0, 2]);
});
