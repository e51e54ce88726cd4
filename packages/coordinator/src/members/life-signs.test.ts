import type { MemberRow } from '@skein/ports';
import { expect, test } from 'vitest';
import { LifeSigns } from './life-signs.ts';

const rowOf = (coordinatorId: string, renewal: number, incarnation = 'first'): MemberRow => ({
  coordinatorId,
  incarnation,
  renewal,
  peerAddress: '',
  workerAddress: '',
  facts: [],
  startedAt: 0,
  leaving: false,
});

const setUp = () => new LifeSigns({ leaseMs: 700, gapMs: 300, steadyMs: 400, suspectMs: 400 });

test('a row that stays the same for a lease is that of a dead member, and not a moment before', () => {
  const signs = setUp();
  const row = rowOf('b', 7);
  for (const now of [0, 200, 400, 600, 699]) expect(signs.look([row], now)).toEqual([]);
  expect(signs.nextMs).toBe(1);
  expect(signs.look([row], 700)).toEqual([row]);
});

test('a renewal, and another process under the same name, begin the lease anew', () => {
  const signs = setUp();
  for (const now of [0, 200, 400, 600]) signs.look([rowOf('b', 7)], now);
  expect(signs.look([rowOf('b', 8)], 800)).toEqual([]);
  for (const now of [1_000, 1_200, 1_400]) expect(signs.look([rowOf('b', 8)], now)).toEqual([]);
  expect(signs.look([rowOf('b', 8, 'second')], 1_600)).toEqual([]);
  expect(signs.look([rowOf('b', 8, 'second')], 1_800)).toEqual([]);
});

test('time in which the own looks did not go through says nothing of the others', () => {
  const signs = setUp();
  signs.look([rowOf('b', 7)], 0);
  expect(signs.look([rowOf('b', 7)], 60_000)).toEqual([]);
  expect(signs.look([rowOf('b', 7)], 60_200)).toEqual([]);
  expect(signs.look([rowOf('b', 7)], 60_400)).toEqual([rowOf('b', 7)]);
});

test('a newcomer is steady when one process has renewed for a while', () => {
  const signs = setUp();
  signs.look([rowOf('b', 1)], 0);
  signs.look([rowOf('b', 2)], 200);
  expect(signs.isSteady('b')).toBe(false);
  signs.look([rowOf('b', 3)], 400);
  expect(signs.isSteady('b')).toBe(false);
  signs.look([rowOf('b', 4)], 600);
  expect(signs.isSteady('b')).toBe(true);
  signs.look([rowOf('b', 5, 'second')], 800);
  expect(signs.isSteady('b')).toBe(false);
});

const lookAt = (signs: LifeSigns, now: number, renewal: number) => {
  signs.beginLook();
  return signs.look([rowOf('b', renewal)], now).length;
};

test('a member whose stream ended is dead sooner, also when it had renewed since the last look', () => {
  const signs = setUp();
  for (const now of [0, 200]) lookAt(signs, now, 7);
  signs.suspect('b');
  expect(lookAt(signs, 250, 8)).toBe(0);
  for (const now of [300, 450, 600, 649]) expect(lookAt(signs, now, 8)).toBe(0);
  expect(signs.nextMs).toBe(1);
  expect(lookAt(signs, 650, 8)).toBe(1);
});

test('a look that was under way when the stream ended says nothing of what was written later', () => {
  const signs = setUp();
  lookAt(signs, 0, 7);
  signs.beginLook();
  signs.suspect('b');
  signs.look([rowOf('b', 7)], 50);
  expect(signs.hasSuspects).toBe(true);
  expect(lookAt(signs, 100, 8)).toBe(0);
  for (const now of [200, 400]) lookAt(signs, now, 8);
  expect(lookAt(signs, 500, 8)).toBe(1);
});

test('whoever renews after its stream ended has a whole lease again', () => {
  const signs = setUp();
  lookAt(signs, 0, 7);
  signs.suspect('b');
  lookAt(signs, 50, 7);
  lookAt(signs, 200, 8);
  expect(signs.hasSuspects).toBe(false);
  for (const now of [400, 600, 800, 899]) expect(lookAt(signs, now, 8)).toBe(0);
  expect(lookAt(signs, 900, 8)).toBe(1);
});
