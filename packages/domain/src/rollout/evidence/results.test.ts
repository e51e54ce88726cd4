import { expect, test } from 'vitest';
import { canary, experiment, start, startOf } from '../../../test/rollout-samples.ts';
import { createDraw } from '../../../test/rollout-simulator.ts';
import { openUnit, outcome, unitOf } from '../../../test/rollout-units.ts';
import type { RolloutUnit } from '../rollout-record.ts';
import { advanceEvidence, createEvidence } from './advance-evidence.ts';
import { differenceBand } from './difference-band.ts';
import { benjaminiHochberg } from './false-discovery.ts';
import { chiSquareTail } from './ln-gamma.ts';
import { addMoment, createMoments, mergeMoments } from './moments.ts';
import { addToResults, createResults, resultsOf } from './results.ts';

const record = startOf(canary({ weight: 0.5, steps: [], rules: [{ metric: 'error' }, { metric: 'latency' }] }));

const drawn = (count: number, slower = 0): RolloutUnit[] => {
  const draw = createDraw(6);
  return Array.from({ length: count }, (_, i) => {
    const arm = draw() < 0.5 ? 1 : 0;
    return unitOf({ seq: i + 1, arm, values: { ...outcome(false), latency: draw() * 1_000 + arm * slower } });
  });
};

const latencyOf = (units: readonly RolloutUnit[], arm: number) =>
  resultsOf(record, addToResults(createResults(record), units)).arms[arm]?.metrics.find(
    ({ metric }) => metric === 'latency',
  );

test('[defect 53] units are counted, not the values of their most frequent metric', () => {
  const units = [
    unitOf({ seq: 1, values: { ...outcome(false), latency: null } }),
    unitOf({ seq: 2, values: { ...outcome(false), latency: 5 } }),
    unitOf({ seq: 3, arm: 1, state: 'void', values: {} }),
    openUnit({ seq: 4, arm: 1 }),
  ];
  const results = resultsOf(record, addToResults(createResults(record), units));
  expect(results.arms.map((arm) => arm.units)).toEqual([2, 0]);
  expect(results.missing).toBe(1);
  expect(latencyOf(units, 0)).toMatchObject({ count: 1, missing: 1, mean: 5, min: 5, max: 5, sd: 0 });
});

test('a metric that no rule tests leaves no unit incomplete, and a unit is incomplete once', () => {
  const units = [
    unitOf({ seq: 1, values: { ...outcome(false), latency: 5, costUsd: null } }),
    unitOf({ seq: 2, values: { ...outcome(false), error: null, latency: null, costUsd: null } }),
  ];
  const results = resultsOf(record, addToResults(createResults(record), units));
  expect(results.missing).toBe(1);
  expect(results.arms[0]?.metrics.find(({ metric }) => metric === 'costUsd')).toMatchObject({ count: 0, missing: 2 });
});

test('[defect 54] [defect 6] more values than a call takes arguments have bounds and quantiles', () => {
  const draw = createDraw(8);
  const values: number[] = [];
  const one = unitOf({ seq: 1, at: start });
  const units = Array.from({ length: 130_000 }, (_, i) => {
    const latency = draw() ** 3 * 10_000;
    values.push(latency);
    return { ...one, seq: i + 1, values: { latency } };
  });
  const results = addToResults(createResults(record), units);
  values.sort((a, b) => a - b);
  const numbers = resultsOf(record, results).arms[0]?.metrics.find(({ metric }) => metric === 'latency');
  expect(numbers).toMatchObject({ count: 130_000, min: values[0], max: values.at(-1) });
  for (const [name, share] of [
    ['p10', 0.1],
    ['p50', 0.5],
    ['p90', 0.9],
    ['p99', 0.99],
  ] as const) {
    const rank = values.findIndex((value) => value >= (numbers?.quantiles[name] ?? 0)) / values.length;
    expect(Math.abs(rank - share)).toBeLessThan(0.01);
  }
});

test('quantiles of few values are exact', () => {
  const units = Array.from({ length: 101 }, (_, i) => unitOf({ seq: i + 1, values: { latency: (i * 37) % 101 } }));
  expect(latencyOf(units, 0)?.quantiles).toEqual({ p10: 10, p50: 50, p90: 90, p99: 99 });
});

test('[defect 7] any pages give the same numbers', () => {
  const units = drawn(3_000);
  let paged = createResults(record);
  for (let from = 0; from < units.length; from += 700) paged = addToResults(paged, units.slice(from, from + 700));
  expect(resultsOf(record, paged)).toEqual(resultsOf(record, addToResults(createResults(record), units)));
});

test('moments of two halves merge to those of the whole', () => {
  const draw = createDraw(1);
  const [whole, left, right] = [createMoments(), createMoments(), createMoments()];
  for (let i = 0; i < 1_000; i += 1) {
    const value = draw() * 1e6;
    addMoment(whole, value);
    addMoment(i < 300 ? left : right, value);
  }
  const merged = mergeMoments(left, right);
  expect(merged).toMatchObject({ n: 1_000, min: whole.min, max: whole.max });
  expect(merged.mean / whole.mean).toBeCloseTo(1, 12);
  expect(merged.m2 / whole.m2).toBeCloseTo(1, 12);
});

test('the difference has a band that holds the truth and narrows', () => {
  const [few, many] = [drawn(200, 100), drawn(8_000, 100)].map((units) => latencyOf(units, 1)?.difference);
  expect(latencyOf(drawn(200), 0)?.difference).toBeUndefined();
  for (const band of [few, many]) {
    expect(band?.lower).toBeLessThan(100);
    expect(band?.upper).toBeGreaterThan(100);
  }
  expect((many?.upper ?? 0) - (many?.lower ?? 0)).toBeLessThan(((few?.upper ?? 0) - (few?.lower ?? 0)) / 4);
});

test('of 200 streams of equal arms looked at after every unit, no more than one in twenty leaves the band', () => {
  let left = 0;
  for (let run = 0; run < 200; run += 1) {
    const draw = createDraw(run);
    const sides = [createMoments(), createMoments()] as const;
    for (let i = 0; i < 600; i += 1) {
      addMoment(sides[draw() < 0.5 ? 0 : 1], draw());
      const band = i < 40 ? undefined : differenceBand(sides[0], sides[1]);
      if (band !== undefined && (band.lower > 0 || band.upper < 0)) {
        left += 1;
        break;
      }
    }
  }
  expect(left / 200).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / 200));
});

test('[defect 55] results of an ended rollout are those of its units, with their e-values and adjusted p', () => {
  const ended = {
    ...startOf(experiment([0.3, 0.3], { rules: [{ metric: 'error' }] })),
    status: 'rolled_back',
  } as const;
  const units = Array.from({ length: 600 }, (_, i) => unitOf({ seq: i + 1, arm: i % 3, values: outcome(i % 3 === 2) }));
  const evidence = advanceEvidence(ended, createEvidence(ended), units);
  const results = resultsOf(ended, addToResults(createResults(ended), units), evidence);
  const errors = results.arms.map(({ metrics }) => metrics.find(({ metric }) => metric === 'error'));
  expect(errors[0]?.eValue).toBeUndefined();
  expect(errors[1]).toMatchObject({ eValue: 1, adjusted: 1 });
  expect(errors[2]?.eValue).toBeGreaterThan(1e6);
  expect(errors[2]?.adjusted).toBeLessThan(1e-5);
  expect(JSON.stringify(results)).not.toContain('null');
});

test('[g12.12] chi-square tells people what the sample ratio tells the evaluator', () => {
  const units = Array.from({ length: 1_000 }, (_, i) =>
    unitOf({ seq: i + 1, arm: i % 10 < 7 ? 0 : 1, values: outcome(false) }),
  );
  const { srm } = resultsOf(record, addToResults(createResults(record), units));
  expect(srm.expected).toEqual([500, 500]);
  expect(srm.chiSquare).toBeCloseTo(160, 9);
  expect(srm.pValue).toBeLessThan(1e-30);
  expect(srm.alarm).toBe(true);
});

test('tail of chi-square and Benjamini-Hochberg are those of the tables', () => {
  expect(chiSquareTail(3.841_458_820_694_124, 1)).toBeCloseTo(0.05, 10);
  expect(chiSquareTail(18.307_038_053_275_14, 10)).toBeCloseTo(0.05, 10);
  expect(chiSquareTail(0.5, 4)).toBeCloseTo(0.973_500_978_839_256, 9);
  const adjusted = benjaminiHochberg([0.01, 0.04, 0.03, 0.5]);
  [0.04, 0.053_333_333, 0.053_333_333, 0.5].forEach((p, i) => expect(adjusted[i]).toBeCloseTo(p, 8));
});
