import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinPairValues, comparePairs, relativeValue } from './compare-pairs.ts';

const pairs = (differences: readonly number[], metric = 'error') =>
  differences.map((d) => ({ state: 'done' as const, values: { [metric]: { recorded: 1, replayed: 1 + d } } }));
const waiting = { state: 'waiting' as const };
const base = { margin: 0.05, alpha: 0.01, deciding: ['error'], minPairs: 3, asks: 'not_worse' } as const;

/** The mixture of g.6, written down once more. */
const eOf = (gs: readonly number[]): number =>
  Array.from({ length: 16 }, (_, k) => 0.01 * 75 ** (k / 15))
    .map((lambda) => gs.reduce((product, g) => product * (1 + lambda * g), 1))
    .reduce((sum, e) => sum + e / 16, 0);

test('E of a total failure is that of the formula, and crosses 100 within 14 pairs', () => {
  const g = -(-1 + 0.05) / 1.05;
  const verdictOf = (count: number) => comparePairs({ ...base, pairs: [...pairs(Array(count).fill(-1)), waiting] });
  expect(verdictOf(9).comparison[0]?.eWorse).toBeCloseTo(eOf(Array(9).fill(g)), 9);
  const first = Array.from({ length: 20 }, (_, n) => n + 1).find((n) => verdictOf(n).status === 'failed');
  expect(first).toBe(Array.from({ length: 20 }, (_, n) => n + 1).find((n) => eOf(Array(n).fill(g)) >= 100));
  expect(first).toBeLessThanOrEqual(16);
});

test('alpha is split over the metrics that decide', () => {
  const two = comparePairs({ ...base, deciding: ['error', 'score:s'], pairs: [...pairs(Array(12).fill(-1)), waiting] });
  const one = comparePairs({ ...base, pairs: [...pairs(Array(12).fill(-1)), waiting] });
  const e = one.comparison[0]?.eWorse ?? 0;
  expect([one.status, two.status]).toEqual([e >= 100 ? 'failed' : 'running', e >= 200 ? 'failed' : 'running']);
  expect(two.comparison[0]?.eWorse).toBe(e);
});

test('what is fast counts no sooner than what is slow: nothing counts past a pair that is not over', () => {
  const later = pairs(Array(30).fill(-1));
  expect(comparePairs({ ...base, pairs: [waiting, ...later] })).toMatchObject({
    status: 'running',
    comparison: [{ metric: 'error', pairs: 0 }],
  });
  expect(comparePairs({ ...base, pairs: later })).toMatchObject({ status: 'failed', breached: 'error' });
});

test('a candidate that is clearly not worse passes before all pairs are over', () => {
  const improved = pairs(Array(30).fill(0.9));
  expect(comparePairs({ ...base, pairs: [...improved, waiting] }).status).toBe('passed');
});

test.each([
  ['no worse on the whole', [0, 0, -0.05], 'passed', undefined],
  ['worse by more than the margin, too few to say so', [-1, 0, 0], 'inconclusive', 'worse'],
  ['nothing to compare', [], 'inconclusive', 'nothing'],
  ['no worse, in less pairs than are needed', [0, 0], 'inconclusive', 'few'],
] as const)('when all pairs are over: %s', (_case, differences, status, undecided) => {
  expect(comparePairs({ ...base, pairs: pairs(differences) })).toMatchObject({
    status,
    finished: differences.length,
    ...(undecided === undefined ? {} : { undecided }),
  });
});

test('records that could not be replayed are no pairs; a proof needs no number of them', () => {
  const broken = { state: 'failed' as const };
  expect(comparePairs({ ...base, pairs: [...pairs([0, 0]), broken, broken] })).toMatchObject({ undecided: 'few' });
  expect(comparePairs({ ...base, minPairs: 500, pairs: pairs(Array(30).fill(0.9)) }).status).toBe('passed');
});

describe('of steps that went badly', () => {
  const better = { ...base, asks: 'better' } as const;

  test.each([
    ['all fail the same way', [0, 0, 0, 0], 'inconclusive', 'same'],
    ['one, which fails the same way', [0], 'inconclusive', 'same'],
    ['one is better', [0, 0, 1], 'passed', undefined],
    ['one is better, in less pairs than are needed', [1], 'inconclusive', 'few'],
    ['one is better, and the others are worse', [1, -1, -1], 'inconclusive', 'worse'],
  ] as const)('when all pairs are over: %s', (_case, differences, status, undecided) => {
    const verdict = comparePairs({ ...better, pairs: pairs(differences) });
    expect([verdict.status, verdict.undecided]).toEqual([status, undecided]);
  });

  test('that nothing got worse is no proof that something got better, however many pairs there are', () => {
    const same = pairs(Array(400).fill(0));
    expect(comparePairs({ ...base, pairs: [...same, waiting] }).status).toBe('passed');
    expect(comparePairs({ ...better, pairs: [...same, waiting] }).status).toBe('running');
    expect(comparePairs({ ...better, pairs: same })).toMatchObject({ status: 'inconclusive', undecided: 'same' });
    expect(comparePairs({ ...better, pairs: [...same, ...pairs([1]), waiting] }).status).toBe('passed');
  });

  test('what is only shown makes nothing better', () => {
    const shown = Array.from({ length: 9 }, () => ({
      state: 'done' as const,
      values: { error: { recorded: 0, replayed: 0 }, tokens: { recorded: 0.5, replayed: 1 } },
    }));
    expect(comparePairs({ ...better, pairs: shown })).toMatchObject({ undecided: 'same' });
  });
});

test('metrics that do not decide are shown, and never fail or pass anything', () => {
  const both = Array.from({ length: 60 }, () => ({
    state: 'done' as const,
    values: { error: { recorded: 1, replayed: 1 }, tokens: { recorded: 0.5, replayed: 0 } },
  }));
  const verdict = comparePairs({ ...base, pairs: both });
  expect(verdict.status).toBe('passed');
  expect(verdict.comparison.find(({ metric }) => metric === 'tokens')).toMatchObject({
    decides: false,
    meanDifference: -0.5,
  });
  expect(comparePairs({ ...base, deciding: ['error', 'tokens'], pairs: both }).status).toBe('failed');
});

test('a candidate that is exactly as good fails at most as often as alpha says', () => {
  // Recorded and replayed answers are drawn alike; a seeded generator keeps the count fixed.
  let state = 42;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  let failed = 0;
  for (let round = 0; round < 500; round += 1) {
    const differences = Array.from({ length: 60 }, () => (random() < 0.8 ? 1 : 0) - (random() < 0.8 ? 1 : 0));
    if (comparePairs({ ...base, pairs: pairs(differences) }).status === 'failed') failed += 1;
  }
  expect(failed).toBeLessThanOrEqual(5 + 3 * Math.sqrt(5));
});

test('x of an unbounded value is one half for the same, and stays within 0 and 1', () => {
  expect(relativeValue(100, 100)).toEqual({ recorded: 0.5, replayed: 0.5 });
  expect(relativeValue(100, 50).replayed).toBe(0.75);
  expect(relativeValue(100, 900).replayed).toBe(0);
  expect(relativeValue(0, 0)).toEqual({ recorded: 0.5, replayed: 0.5 });
  for (const large of [Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
    expect(relativeValue(large, large).replayed).toBe(0.5);
    expect(relativeValue(Number.MAX_VALUE / 2, large).replayed).toBe(0);
    expect(relativeValue(large, 1).replayed).toBe(1);
  }
  fc.assert(
    fc.property(
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      (a, b) => {
        const { replayed } = relativeValue(a, b);
        expect(replayed).toBeGreaterThanOrEqual(0);
        expect(replayed).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test('what a failed attempt used is compared with nothing', () => {
  const good = { error: 0, tokens: 10, latency: 5 };
  expect(Object.keys(builtinPairValues(good, good))).toEqual(['error', 'tokens', 'latency']);
  expect(builtinPairValues(good, { error: 1, tokens: 1, latency: 1 })).toEqual({ error: { recorded: 1, replayed: 0 } });
});
