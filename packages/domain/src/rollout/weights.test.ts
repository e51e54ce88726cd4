import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDomainError } from '../errors/domain-error.ts';
import { totalParts } from './rollout-record.ts';
import { formatPercent, formatWeight, parseWeight, partsOf } from './weights.ts';

const refused = expect.objectContaining({ code: 'invalid_argument' });

/** A decimal string with up to ten places, from the digits alone. */
const decimals = fc
  .tuple(fc.integer({ min: 0, max: 10 ** 10 }), fc.integer({ min: 1, max: 10 }))
  .map(([digits, places]) => {
    const text = String(digits % (10 ** places + 1)).padStart(places + 1, '0');
    return `${text.slice(0, -places)}.${text.slice(-places)}`;
  })
  .filter((text) => Number(text) === 0 || Number(text) * totalParts >= 0.5);

/** Any UTF-16 units, lone surrogates among them. */
const utf16 = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

describe('a weight', () => {
  test.each([
    [0, 0],
    [1, totalParts],
    ['0', 0],
    ['1', totalParts],
    ['1.000', totalParts],
    ['.5', totalParts / 2],
    [0.05, 214_748_365],
    ['0.05', 214_748_365],
    ['1e-6', 4_295],
    [-0, 0],
  ])('[defect 40] of %s is %i parts of 2^32', (weight, parts) => {
    expect(Object.is(parseWeight(weight), parts)).toBe(true);
  });

  test('[defect 40] can be a thousandth, a millionth, or a single part', () => {
    for (const weight of [0.001, 0.000001, 1 / totalParts, '0.0000000002']) {
      expect(parseWeight(weight)).toBeGreaterThan(0);
    }
  });

  test.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -0.1,
    1.0000001,
    1e-11,
    '1e-11',
    '',
    ' 0.5',
    '0,5',
    '+0.5',
    '-0.5',
    '0x1',
    'NaN',
    'Infinity',
    '5%',
    '1.1',
    '.',
    '0.5\u0000',
    '0.5\ud800',
    '٠.٥',
    '0'.repeat(10_000),
    null,
    undefined,
    {},
    ['0.5'],
    true,
  ])('[g12.19] of %s is refused', (weight) => {
    expect(() => parseWeight(weight as string)).toThrow(refused);
  });

  test('[g12.19] of any text or number is parts, or is refused with the typed error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), utf16), (weight) => {
        try {
          const parts = parseWeight(weight);
          return Number.isInteger(parts) && parts >= 0 && parts <= totalParts;
        } catch (thrown) {
          return isDomainError(thrown) && thrown.code === 'invalid_argument';
        }
      }),
    );
  });

  test('[g12.18] keeps a decimal string within half a part, 2^-33', () => {
    fc.assert(
      fc.property(decimals, (text) => {
        return Math.abs(parseWeight(text) / totalParts - Number(text)) <= 2 ** -33 * (1 + 2 ** -20);
      }),
      { numRuns: 2_000 },
    );
  });

  test('[g12.18] is written so that it converts back to the same parts', () => {
    const parts = fc.oneof(
      fc.integer({ min: 0, max: totalParts }),
      fc.integer({ min: 0, max: 5_000 }),
      fc.integer({ min: 0, max: 5_000 }).map((missing) => totalParts - missing),
    );
    fc.assert(
      fc.property(parts, (one) => parseWeight(formatWeight(one)) === one),
      { numRuns: 2_000 },
    );
  });

  test('[g12.18] is written as shortly as it was said', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom(10, 100, 1_000, 10_000), (count, of) => {
        const fraction = Math.min(count, of) / of;
        expect(formatWeight(parseWeight(fraction))).toBe(String(fraction));
      }),
    );
    expect(formatWeight(1)).toBe('0.0000000002');
  });

  test('is no text for what are no parts', () => {
    for (const parts of [-1, 0.5, Number.NaN, totalParts + 1]) expect(() => formatWeight(parts)).toThrow(refused);
  });

  test.each([
    [0, '0 %'],
    [0.001, '0.1 %'],
    [0.05, '5 %'],
    [0.125, '12.5 %'],
    [1, '100 %'],
    [0.000001, '0.0001 %'],
  ])('of %d reads as %s', (weight, text) => {
    expect(formatPercent(parseWeight(weight))).toBe(text);
  });
});

describe('weights of all arms', () => {
  test('[defect 58] sum to 2^32 exactly, also where their floats do not sum to 1', () => {
    const thirds = [1 / 3, 1 / 3, 1 / 3];
    const tenths = [0.7, 0.1, 0.1, 0.1];
    expect(0.7 + 0.1 + 0.1 + 0.1).not.toBe(1);
    for (const weights of [thirds, tenths, ['0.1', 0.2, '0.7'], [1], [0, 1]]) {
      const parts = partsOf(weights);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(totalParts);
      parts.forEach((part, arm) => {
        expect(Math.abs(part / totalParts - Number(weights[arm]))).toBeLessThan(weights.length * 2 ** -32);
      });
    }
  });

  test('[defect 58] of any integers sum to 2^32 exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 8 }), (counts) => {
        const sum = counts.reduce((total, count) => total + count, 0);
        const parts = partsOf(counts.map((count) => count / sum));
        expect(parts.reduce((total, part) => total + part, 0)).toBe(totalParts);
      }),
    );
  });

  test('that miss 1, or are none at all, are refused [defect 12]', () => {
    for (const weights of [[], [0.5], [0.5, 0.4], [0.5, 0.500001], [0.5, 0.5, 0.5], [Number.NaN, 1]]) {
      expect(() => partsOf(weights)).toThrow(refused);
    }
    expect(partsOf([0.5, 0.5000000001])).toEqual([totalParts / 2, totalParts / 2]);
  });
});
