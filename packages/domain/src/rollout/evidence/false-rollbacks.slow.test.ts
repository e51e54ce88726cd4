import { propertyRuns } from '@skein/testkit';
import { expect, test } from 'vitest';
import {
  alphas,
  boundOf,
  brokenRules,
  equalVersions,
  measureDetections,
  measureFalseRates,
  quantileOf,
  worseVersions,
} from '../../../test/rollout-figures.ts';
import { canary, startOf } from '../../../test/rollout-samples.ts';
import { createDraw } from '../../../test/rollout-simulator.ts';
import { outcome, unitOf } from '../../../test/rollout-units.ts';
import { simulateInThreads } from '../../../test/simulate-in-threads.ts';

import { advanceEvidence, createEvidence } from './advance-evidence.ts';

const say = (line: string): void => console.info(line);

const runs = propertyRuns(500);

test('[g12.8] [g12.9] O5: of thousands of rollouts of two equal versions no more than alpha are rolled back', {
  timeout: 600_000,
}, async () => {
  const rates = await measureFalseRates(equalVersions, runs);
  const broken: string[] = [];
  equalVersions.forEach(({ name }, at) => {
    say(`A/A ${name}: ${alphas.map((alpha, level) => `${rates[at]?.[level]?.toFixed(4)} at ${alpha}`).join(', ')}`);
    alphas.forEach((alpha, level) => {
      if ((rates[at]?.[level] ?? 1) > boundOf(alpha, runs)) broken.push(`${name} at ${alpha}`);
    });
  });
  expect(broken).toEqual([]);
});

test('[g12.9] each rule of counting is needed: without it the bound breaks', { timeout: 600_000 }, async () => {
  const few = 500;
  const rates = await measureFalseRates(brokenRules, few);
  brokenRules.forEach(({ name }, at) => {
    say(
      `A/A with ${name}: ${alphas.map((alpha, level) => `${rates[at]?.[level]?.toFixed(4)} at ${alpha}`).join(', ')}`,
    );
    alphas.forEach((alpha, level) => expect(rates[at]?.[level]).toBeGreaterThan(boundOf(alpha, few)));
  });
});

test('[g12.10] worse versions are found with as many values as the reference says, within a quarter', {
  timeout: 600_000,
}, async () => {
  const sizes = await measureDetections(worseVersions, 400);
  const off: string[] = [];
  worseVersions.forEach(({ stable, candidate, weight, alpha, reference }, at) => {
    const sorted = sizes[at] ?? [];
    const [median, p90] = [quantileOf(sorted, 0.5), quantileOf(sorted, 0.9)];
    const line = `${stable} to ${candidate.toFixed(2)}, ${weight * 100} %, alpha ${alpha}: median ${median} (${reference}), p90 ${p90}`;
    say(line);
    if (Math.abs(median / reference - 1) > 0.25) off.push(line);
    // Total failure: nine of ten rollouts within 14 units.
    if (candidate === 0 && alpha === 0.01 && p90 > 14) off.push(line);
  });
  expect(off).toEqual([]);
});

test('[g12.12] the sample ratio alarms in one of 1,000 rollouts at most, and finds a wrong share', {
  timeout: 600_000,
}, async () => {
  const slices = [1, 2, 3, 4];
  const nulls = slices.flatMap((seed) =>
    [0.05, 0.5].map((weight) => ({
      kind: 'srm' as const,
      plan: { weight, share: weight, most: 5_001, runs: runs / 8 },
      seed: seed * 7_000_003,
    })),
  );
  const right = (await simulateInThreads(nulls, 2)).flat();
  const rate = right.filter((n) => n < 5_001).length / runs;
  say(`sample ratio, right shares: ${rate} alarms`);
  expect(rate).toBeLessThanOrEqual(boundOf(0.001, runs));
  const wrong = await simulateInThreads(
    [
      { kind: 'srm', plan: { weight: 0.05, share: 0.04, most: 40_000, runs: 200 }, seed: 5 },
      { kind: 'srm', plan: { weight: 0.5, share: 0.48, most: 40_000, runs: 200 }, seed: 6 },
    ],
    2,
  );
  const [four = 0, half = 0] = wrong.map((sorted) => quantileOf(sorted, 0.5));
  say(`sample ratio, 4 % for 5 %: median ${four} (7300); 48 % for 50 %: median ${half} (10500)`);
  expect(Math.abs(four / 7_300 - 1)).toBeLessThan(0.25);
  expect(Math.abs(half / 10_500 - 1)).toBeLessThan(0.25);
});

test('[defect 6] [defect 7] what is kept of 1,000,000 units stays below 64 KiB', { timeout: 600_000 }, () => {
  const scorers = [{ id: 'judge', kind: 'posted', sample: 1 }] as const;
  const rules = [
    { metric: 'error' },
    { metric: 'score:judge' },
    { metric: 'missing:judge' },
    { metric: 'latency' },
  ] as const;
  for (const weight of [0.001, 0.05]) {
    const record = startOf(canary({ weight, steps: [], scorers, rules }));
    const draw = createDraw(1);
    let evidence = createEvidence(record);
    let largest = 0;
    for (let from = 0; from < 1_000_000; from += 5_000) {
      const units = Array.from({ length: 5_000 }, (_, i) =>
        unitOf({
          seq: from + i + 1,
          arm: draw() < weight ? 1 : 0,
          values: { ...outcome(draw() < 0.1), latency: draw() * 1e5, 'score:judge': draw(), 'missing:judge': 0 },
        }),
      );
      evidence = advanceEvidence(record, evidence, units);
      largest = Math.max(largest, JSON.stringify(evidence).length);
    }
    say(`state of 1,000,000 units at ${weight * 100} %: ${largest} bytes at most`);
    expect(evidence.settledSeq).toBe(1_000_000);
    expect(largest).toBeLessThan(64 * 1024);
  }
});
