import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Segment, totalParts } from './rollout-record.ts';
import { canarySegments, initialSegments, maxSegments, pickArm, retarget } from './segments.ts';

/** Parts of 2 to `arms` arms, of which some are 0; sums to 2^32. */
const partsOfArms = (arms: number) =>
  fc
    .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 3 })), {
      minLength: arms,
      maxLength: arms,
    })
    .filter((shares) => shares.some((share) => share > 0))
    .map((shares) => {
      const sum = shares.reduce((total, share) => total + share, 0);
      const parts = shares.map((share) => Math.floor((share / sum) * totalParts));
      const biggest = parts.indexOf(Math.max(...parts));
      const rest = totalParts - parts.reduce((total, part) => total + part, 0);
      return parts.map((part, arm) => (arm === biggest ? part + rest : part));
    });

const sequence = (mostArms: number) =>
  fc.integer({ min: 2, max: mostArms }).chain((arms) => fc.array(partsOfArms(arms), { minLength: 13, maxLength: 13 }));

const sizes = (segments: readonly Segment[], arms: number): number[] => {
  const sum = Array.from({ length: arms }, () => 0);
  for (const { lo, hi, arm } of segments) sum[arm] = (sum[arm] ?? 0) + hi - lo;
  return sum;
};

/** Mass that changes its arm. */
const moved = (before: readonly Segment[], after: readonly Segment[]): { from: number; mass: number }[] => {
  const cuts = [...new Set([...before, ...after].flatMap(({ lo, hi }) => [lo, hi]))].toSorted((a, b) => a - b);
  return cuts.slice(1).flatMap((hi, index) => {
    const lo = cuts[index] as number;
    const from = pickArm(before, lo);
    return from === pickArm(after, lo) ? [] : [{ from, mass: hi - lo }];
  });
};

const covers = (segments: readonly Segment[]): boolean => {
  let next = 0;
  for (const { lo, hi } of segments) {
    if (lo !== next || hi <= lo) return false;
    next = hi;
  }
  return next === totalParts;
};

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

/** P1 to P4 along a sequence of weights: the properties that broke, and the greatest number of segments. */
const checkSequence = (steps: readonly (readonly number[])[]): { broken: string[]; most: number } => {
  const [first = [], ...others] = steps;
  const broken: string[] = [];
  let segments = initialSegments(first);
  let before = first;
  let most = 0;
  for (const target of others) {
    const next = retarget(segments, target);
    if (!covers(next)) broken.push('P1');
    if (sizes(next, target.length).some((size, arm) => size !== target[arm])) broken.push('P2');
    const changes = moved(segments, next);
    const increases = target.map((part, arm) => Math.max(0, part - (before[arm] ?? 0)));
    if (sumOf(changes.map(({ mass }) => mass)) !== sumOf(increases)) broken.push('P3');
    if (changes.some(({ from }) => (target[from] ?? 0) >= (before[from] ?? 0))) broken.push('P4');
    most = Math.max(most, next.length);
    segments = next;
    before = target;
  }
  return { broken, most };
};

/** Checks random sequences; answers the greatest number of segments that any of them needed. */
const checkSequences = (mostArms: number, numRuns: number): number => {
  let greatest = 0;
  fc.assert(
    fc.property(sequence(mostArms), (steps) => {
      const { broken, most } = checkSequence(steps);
      greatest = Math.max(greatest, most);
      return broken.length === 0;
    }),
    { numRuns: propertyRuns(numRuns) },
  );
  return greatest;
};

describe('a change of weights', () => {
  test('[g12.4] covers all (P1), has the sizes asked for (P2), moves as little as possible (P3) and takes only from arms that shrink (P4)', () => {
    const most = checkSequences(4, 800);
    expect(most).toBeGreaterThan(6);
    expect(most).toBeLessThanOrEqual(30);
  });

  test('[g12.4] keeps P1 to P4 with up to eight arms, below the cap', () => {
    expect(checkSequences(8, 150)).toBeLessThanOrEqual(maxSegments);
  });

  test('[g12.4] gives weight 0 no unit and weight 1 all of them (P5)', () => {
    fc.assert(
      fc.property(partsOfArms(4), fc.nat({ max: 3 }), fc.nat({ max: totalParts - 1 }), (parts, winner, position) => {
        const segments = initialSegments(parts);
        expect(parts[pickArm(segments, position)]).toBeGreaterThan(0);
        const all = retarget(
          segments,
          parts.map((_, arm) => (arm === winner ? totalParts : 0)),
        );
        expect(all).toEqual([{ lo: 0, hi: totalParts, arm: winner }]);
      }),
    );
  });

  test('takes from the tail of the last segments of an arm, and gives in the order of arms', () => {
    const third = initialSegments([totalParts - 300, 100, 100, 100]);
    const edge = totalParts - 300;
    const first = retarget(third, [edge, 150, 150, 0]);
    expect(first.slice(1)).toEqual([
      { lo: edge, hi: edge + 100, arm: 1 },
      { lo: edge + 100, hi: edge + 200, arm: 2 },
      { lo: edge + 200, hi: edge + 250, arm: 1 },
      { lo: edge + 250, hi: edge + 300, arm: 2 },
    ]);
    expect(retarget(first, [edge, 90, 150, 60]).slice(1)).toEqual([
      { lo: edge, hi: edge + 90, arm: 1 },
      { lo: edge + 90, hi: edge + 100, arm: 3 },
      { lo: edge + 100, hi: edge + 200, arm: 2 },
      { lo: edge + 200, hi: edge + 250, arm: 3 },
      { lo: edge + 250, hi: edge + 300, arm: 2 },
    ]);
  });

  test('that needs more than 256 segments is refused with a typed error', () => {
    // Every second segment of arm 0 and 1, as no sequence of a plan makes them; a third arm takes a bit of each.
    const size = totalParts / maxSegments;
    const teeth = Array.from({ length: maxSegments }, (_, at) => ({ lo: at * size, hi: (at + 1) * size, arm: at % 2 }));
    const half = totalParts / 2;
    expect(retarget(teeth, [half, half])).toHaveLength(maxSegments);
    expect(() => retarget(teeth, [half - size / 2, half - size / 2, size])).toThrow(
      expect.objectContaining({ code: 'unprocessable', details: { limit: maxSegments, actual: 258 } }),
    );
  });

  test('to parts that are none, or do not sum to 2^32, is refused', () => {
    const segments = canarySegments(10);
    for (const parts of [[], [totalParts - 1, 0], [-1, totalParts + 1], [0.5, totalParts - 0.5], [Number.NaN, 0]]) {
      expect(() => retarget(segments, parts)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
    expect(() => initialSegments(Array.from({ length: 9 }, (_, arm) => (arm === 0 ? totalParts : 0)))).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });
});

describe('a canary', () => {
  const parts = fc.integer({ min: 0, max: totalParts });

  test('has the same units at the same weight, whatever its weight was before (O2)', () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), parts, (path, last) => {
        const segments = [...path, last].reduce<readonly Segment[]>(
          (before, part) => retarget(before, [totalParts - part, part]),
          canarySegments(0),
        );
        expect(segments).toEqual(canarySegments(last));
      }),
    );
  });

  test('[g12.5] never loses a unit of its candidate while the weight grows (O3)', () => {
    fc.assert(
      fc.property(parts, parts, fc.nat({ max: totalParts - 1 }), (a, b, position) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        for (const place of [position, totalParts - low, totalParts - high, totalParts - 1]) {
          const atLow = pickArm(canarySegments(low), place);
          if (atLow === 1) expect(pickArm(canarySegments(high), place)).toBe(1);
        }
      }),
    );
  });

  test('owns positions from T - parts on, to the last one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: totalParts - 1 }), (size) => {
        const segments = canarySegments(size);
        const edge = totalParts - size;
        expect([0, edge - 1, edge, totalParts - 1].map((place) => pickArm(segments, place))).toEqual([0, 0, 1, 1]);
      }),
    );
  });
});

describe('picking an arm', () => {
  test('[defect 12] of no segments, or of a hole, is the stable one', () => {
    expect(pickArm([], 5)).toBe(0);
    expect(pickArm([{ lo: 10, hi: 20, arm: 2 }], 5)).toBe(0);
    expect(pickArm([{ lo: 10, hi: 20, arm: 2 }], Number.NaN)).toBe(0);
  });

  test('includes the low end of a segment and not its high end', () => {
    const segments = initialSegments([100, 200, 300, totalParts - 600]);
    expect([0, 99, 100, 299, 300, 599, 600, totalParts - 1].map((place) => pickArm(segments, place))).toEqual([
      0, 0, 1, 1, 2, 2, 3, 3,
    ]);
  });
});
