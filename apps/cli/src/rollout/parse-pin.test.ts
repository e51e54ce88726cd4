import { expect, test } from 'vitest';
import { rolloutInfo } from '../../test/rollout-info.ts';
import { changePins, parsePins } from './parse-pin.ts';

const now = Date.parse('2026-11-02T03:04:05.000Z');

test('a pin names a unit that may hold anything, an arm, and perhaps an end: an instant, or a time from now', () => {
  expect(
    parsePins(
      ['me=candidate', 'a=b@c.example=stable', 'x=candidate@2h', 'y=arm-2@2027-01-01T00:00:00+01:00', 'ü\t=a'],
      now,
    ),
  ).toEqual([
    { unit: 'me', arm: 'candidate' },
    { unit: 'a=b@c.example', arm: 'stable' },
    { unit: 'x', arm: 'candidate', until: '2026-11-02T05:04:05.000Z' },
    { unit: 'y', arm: 'arm-2', until: '2027-01-01T00:00:00+01:00' },
    { unit: 'ü\t', arm: 'a' },
  ]);
});

test.each([
  [['me'], 'UNIT=ARM'],
  [['=candidate'], 'UNIT=ARM'],
  [['me='], 'UNIT=ARM'],
  [['me=@2h'], 'UNIT=ARM'],
  [['me=candidate@'], 'neither a time like 2h nor'],
  [['me=candidate@soon'], 'neither a time like 2h nor'],
  [['me=candidate@2027-01-01'], 'with an offset'],
  [['me=candidate@999999999d'], 'neither a time like 2h nor'],
  [['me=stable', 'me=candidate'], 'me is pinned twice'],
])('the pins %j are refused and say why', (texts, why) => {
  expect(() => parsePins(texts, now)).toThrow(why);
});

const pinned = rolloutInfo({
  forced: [
    { unit: 'old', arm: 1, until: now },
    { unit: 'me', arm: 1, until: now + 1 },
    { unit: 'you', arm: 0 },
  ],
});

test('new pins join those that are there, and replace those of the same unit; what has ended is left out and named', () => {
  const pins = parsePins(['you=candidate', 'new=stable'], now);
  expect(changePins(pinned, pins, [], now)).toEqual({
    forced: [
      { unit: 'me', arm: 'candidate', until: '2026-11-02T03:04:05.001Z' },
      { unit: 'you', arm: 'candidate' },
      { unit: 'new', arm: 'stable' },
    ],
    ended: ['old'],
  });
});

test('a pin that is taken away is gone, and one that has ended is not named when it is meant', () => {
  expect(changePins(pinned, [], ['me', 'old'], now)).toEqual({ forced: [{ unit: 'you', arm: 'stable' }], ended: [] });
  expect(() => changePins(pinned, [], ['yuo'], now)).toThrow('yuo is not pinned');
  expect(() => changePins(pinned, [], ['YOU'], now)).toThrow('did you mean you?');
  expect(() => changePins(pinned, parsePins(['me=stable'], now), ['me'], now)).toThrow('pinned by --pin too');
});
