import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../test/rollout-samples.ts';
import { hasLoneSurrogate } from '../text/clean-text.ts';
import { rolloutPosition } from './rollout-position.ts';
import { isSampled, placeUnit, unitOf } from './unit-place.ts';

const keys = ['resourceId', 'threadId'];

const textHasher = { digest: (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}` };

describe('the unit of a run', () => {
  test('is the first key with a non-empty string', () => {
    expect(unitOf({ threadId: 't', resourceId: 'r' }, keys)).toBe('r');
    expect(unitOf({ threadId: 't', resourceId: '' }, keys)).toBe('t');
    expect(unitOf({ threadId: 't' }, keys)).toBe('t');
  });

  test('[defect 57] is none, so that it can be counted, without such a key', () => {
    const others = [{}, { userId: 'u' }, { resourceId: 7, threadId: true }, { resourceId: null, threadId: ['t'] }];
    for (const context of others) expect(unitOf(context, keys)).toBeUndefined();
    expect(unitOf({ resourceId: 'r' }, [])).toBeUndefined();
  });

  test('[g12.19] is never taken from what every object inherits', () => {
    expect(unitOf({}, ['toString', '__proto__', 'constructor'])).toBeUndefined();
    const inherited = Object.create({ resourceId: 'r' }) as { readonly [key: string]: unknown };
    expect(unitOf(inherited, keys)).toBeUndefined();
  });

  test('[g12.19] with a NUL or a lone surrogate is refused with its field', () => {
    for (const text of ['a\u0000b', '\u0000', '\ud800', 'a\udfff']) {
      expect(() => unitOf({ threadId: text }, keys)).toThrow(
        expect.objectContaining({
          code: 'invalid_argument',
          details: { problems: [expect.objectContaining({ field: 'routingContext.threadId' })] },
        }),
      );
      expect(() => placeUnit(sha256, 'salt', text)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });
});

describe('the place of a unit', () => {
  test('[g12.1] is its position and the start of the same digest, for any text', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('a:b', 'x'.repeat(10_000)));
    const clean = text.filter((one) => !one.includes('\u0000') && !hasLoneSurrogate(one));
    fc.assert(
      fc.property(clean, clean, (salt, unit) => {
        const digest = createHash('sha256').update(`rollout/v1\0${salt}\0${unit}`).digest('hex');
        const place = { position: rolloutPosition(sha256, salt, unit), unit: digest.slice(0, 32) };
        expect(placeUnit(sha256, salt, unit)).toEqual(place);
        expect(placeUnit(textHasher, salt, unit)).toEqual(place);
      }),
    );
  });

  test('[defect 42] of a key outside ASCII is that of its UTF-8 bytes, not of its UTF-16 units', () => {
    const unit = 'üñí-😀';
    const bytes = Buffer.concat([Buffer.from('rollout/v1\0s1\0'), Buffer.from(unit, 'utf8')]);
    expect(placeUnit(sha256, 's1', unit).position).toBe(createHash('sha256').update(bytes).digest().readUInt32BE(0));
    expect(placeUnit(sha256, 's1', unit).position).toBe(2_581_381_680);
    // No normalisation: what looks alike is another unit.
    expect(placeUnit(sha256, 's1', 'é').position).not.toBe(placeUnit(sha256, 's1', 'e\u0301').position);
  });

  test('[defect 43] keeps apart salts and units that hold a colon', () => {
    const places = [
      ['s1', 'a:b'],
      ['s1:a', 'b'],
      ['s1:a:b', ''],
      ['', 's1:a:b'],
    ].map(([salt = '', unit = '']) => placeUnit(sha256, salt, unit).unit);
    expect(new Set(places).size).toBe(places.length);
  });
});

describe('a sample', () => {
  const hashes = Array.from({ length: 2_000 }, (_, index) => placeUnit(sha256, 'salt', `user-${index}`).unit);

  test('is none of the units at 0, all of them at 1, and the same ones each time', () => {
    for (const hash of hashes.slice(0, 20)) {
      expect(isSampled(sha256, 'salt', hash, 0, 'sample')).toBe(false);
      expect(isSampled(sha256, 'salt', hash, 1, 'sample')).toBe(true);
    }
    const once = hashes.map((hash) => isSampled(sha256, 'salt', hash, 0.3, 'sample'));
    expect(hashes.map((hash) => isSampled(textHasher, 'salt', hash, 0.3, 'sample'))).toEqual(once);
    const byPosition = hashes.map((hash) => rolloutPosition(sha256, 'salt/sample', hash) < 0.3 * 2 ** 32);
    expect(byPosition).toEqual(once);
  });

  test('has its share within 4 sigma, grows with it, and is another one for each purpose', () => {
    const taken = (share: number, purpose: 'sample' | 'shadow'): boolean[] =>
      hashes.map((hash) => isSampled(sha256, 'salt', hash, share, purpose));
    const [low, high, shadow] = [taken(0.1, 'sample'), taken(0.3, 'sample'), taken(0.3, 'shadow')];
    const count = (flags: readonly boolean[]): number => flags.filter(Boolean).length;
    expect(Math.abs(count(high) - 600)).toBeLessThan(4 * Math.sqrt(2_000 * 0.3 * 0.7));
    expect(low.every((flag, index) => !flag || high[index] === true)).toBe(true);
    const both = count(high.map((flag, index) => flag && shadow[index] === true));
    expect(Math.abs(both - 180)).toBeLessThan(4 * Math.sqrt(2_000 * 0.09 * 0.91));
  });

  test('says nothing about the arm: the share is the same in every tenth of the positions', () => {
    const counts = Array.from({ length: 10 }, () => ({ all: 0, taken: 0 }));
    for (let index = 0; index < hashes.length; index += 1) {
      const { position, unit } = placeUnit(sha256, 'salt', `user-${index}`);
      const cell = counts[Math.floor((position / 2 ** 32) * 10)] as { all: number; taken: number };
      cell.all += 1;
      if (isSampled(sha256, 'salt', unit, 0.5, 'sample')) cell.taken += 1;
    }
    for (const { all, taken } of counts) expect(Math.abs(taken - all / 2)).toBeLessThan(2 * Math.sqrt(all));
  });
});
