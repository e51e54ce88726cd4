import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canary, experiment, start, startOf } from '../../../test/rollout-samples.ts';
import { createDraw } from '../../../test/rollout-simulator.ts';
import { openUnit, outcome, randomUnits, unitOf } from '../../../test/rollout-units.ts';
import type { Evidence } from '../evidence.ts';
import type { RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import { totalParts } from '../rollout-record.ts';
import { advanceEvidence, createEvidence } from './advance-evidence.ts';
import { sumsOf } from './e-process.ts';
import { mergeEvidence } from './merge-evidence.ts';
import { streamsOf } from './streams.ts';
import { summarizeEvidence } from './summarize-evidence.ts';

const through = (evidence: Evidence): Evidence => JSON.parse(JSON.stringify(evidence)) as Evidence;

const rules = [
  { metric: 'error' },
  { metric: 'latency' },
  { metric: 'tokens', scale: { kind: 'cap', cap: 2 } },
  { metric: 'score:judge' },
  { metric: 'score:judge', id: 'floor', kind: 'floor', threshold: 0.5 },
] as const;

const judge = { id: 'judge', kind: 'posted', sample: 1 } as const;

/** Two epochs: the candidates are rare in the first, stable in the second. */
const record: RolloutRecord = {
  ...startOf(experiment([0.1, 0.1], { rules, scorers: [judge] })),
  epochs: [
    { epoch: 1, at: start, parts: [0.8 * totalParts, 0.1 * totalParts, 0.1 * totalParts] },
    { epoch: 2, at: start, parts: [0.2 * totalParts, 0.4 * totalParts, 0.4 * totalParts] },
  ],
};

/** Where two documents differ by more than 1e-9; undefined when they do not. */
const difference = (one: unknown, other: unknown, path = ''): string | undefined => {
  if (typeof one === 'number' && typeof other === 'number') {
    return Math.abs(one - other) <= 1e-9 * Math.max(1, Math.abs(one)) ? undefined : `${path}: ${one}, ${other}`;
  }
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) {
    return one === other ? undefined : `${path}: ${String(one)}, ${String(other)}`;
  }
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return `${path}: ${keys.join()}, ${Object.keys(other).join()}`;
  for (const key of keys) {
    const found = difference(
      (one as { [key: string]: unknown })[key],
      (other as { [key: string]: unknown })[key],
      `${path}.${key}`,
    );
    if (found !== undefined) return found;
  }
  return undefined;
};

const closeTo = (one: unknown, other: unknown): void => expect(difference(one, other)).toBeUndefined();

test('[g12.11] any batches, with values in any order of arrival and JSON between them, give what one batch gives', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer(),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
      (count, seed, steps) => {
        // Every second time so rare that the units between two candidates are joined.
        const units = randomUnits(record, count, seed, seed % 2 === 0 ? 1 : 20);
        const draw = createDraw(seed);
        // When the values of each unit come: some at once, some much later than those after it.
        const due = units.map(({ seq }) => seq + Math.floor(draw() ** 4 * 120));
        let evidence = createEvidence(record);
        for (let now = 0, step = 0; now < count + 120; step += 1) {
          now += steps[step % steps.length] as number;
          const known = units
            .filter(({ seq }) => seq > evidence.settledSeq && seq <= now)
            .map((unit): RolloutUnit => ((due[unit.seq - 1] as number) <= now ? unit : openUnit({ ...unit })));
          evidence = through(advanceEvidence(record, evidence, known));
          closeTo(advanceEvidence(record, evidence, known), evidence);
        }
        const whole = advanceEvidence(record, createEvidence(record), units);
        expect(evidence.settledSeq).toBe(count);
        closeTo(summarizeEvidence(record, evidence, 0, 0), summarizeEvidence(record, whole, 0, 0));
        closeTo(streamsOf(evidence), streamsOf(whole));
      },
    ),
    { numRuns: propertyRuns(8) },
  );
});

test('[defect 45] evidence of replicas over other units adds up to one, whoever is first', () => {
  const units = randomUnits(record, 450, 3);
  const parts = [0, 1, 2].map((replica) =>
    advanceEvidence(
      record,
      createEvidence(record),
      units.filter(({ seq }) => seq % 3 === replica),
    ),
  );
  const [a, b, c] = parts as [Evidence, Evidence, Evidence];
  const one = summarizeEvidence(record, mergeEvidence(mergeEvidence(a, b), c), 0, 0);
  const other = summarizeEvidence(record, mergeEvidence(c, mergeEvidence(b, a)), 0, 0);
  closeTo(one, other);
  expect(one.units.reduce((sum, n) => sum + n)).toBe(units.filter(({ state }) => state !== 'void').length);
  expect(one.tests[0]?.blocks).toBe(
    parts.reduce((sum, part) => sum + (summarizeEvidence(record, part, 0, 0).tests[0]?.blocks ?? 0), 0),
  );
});

test('a block closes when the next candidate is assigned, before anything is known of that one', () => {
  const canaryRecord = startOf(canary({ weight: 0.1, steps: [] }));
  const units = [
    unitOf({ seq: 1 }),
    unitOf({ seq: 2, arm: 1, values: outcome(true) }),
    unitOf({ seq: 3 }),
    openUnit({ seq: 4 }),
    openUnit({ seq: 5, arm: 1 }),
  ];
  const at = (known: readonly RolloutUnit[]) =>
    summarizeEvidence(canaryRecord, advanceEvidence(canaryRecord, createEvidence(canaryRecord), known), 0, 0).tests[0];
  expect(at(units)).toMatchObject({ blocks: 1, stableValues: 2, candidateMean: 0 });
  expect(at(units.slice(0, 4))?.blocks).toBe(0);
  // A stable unit of the block itself is waited for.
  expect(at(units.map((unit) => (unit.seq === 3 ? openUnit({ seq: 3 }) : unit)))?.blocks).toBe(0);
});

test('[g12.16] evidence that was saved goes on after a restart as if nothing had happened', () => {
  const units = randomUnits(record, 500, 8);
  const saved = JSON.stringify(advanceEvidence(record, createEvidence(record), units.slice(0, 300)));
  const restarted = JSON.parse(saved) as Evidence;
  const rest = units.filter(({ seq }) => seq > restarted.settledSeq);
  closeTo(
    streamsOf(advanceEvidence(record, restarted, rest)),
    streamsOf(advanceEvidence(record, createEvidence(record), units)),
  );
});

test('[defect 44] [g12.11] the evidence is recomputed from the log of units', () => {
  const units = randomUnits(record, 150, 5);
  let kept = createEvidence(record);
  for (const unit of units) kept = advanceEvidence(record, kept, [unit]);
  const again = advanceEvidence(record, createEvidence(record), units);
  for (const [key, { blocks }] of Object.entries(streamsOf(again).rules)) {
    if (blocks === undefined) continue;
    const before = streamsOf(kept).rules[key]?.blocks?.tests.regression;
    if (before === undefined) throw new Error(key);
    closeTo(sumsOf(before), sumsOf(blocks.tests.regression));
  }
});

test('neither argument changes, and a unit that was counted is not counted again', () => {
  const units = randomUnits(record, 100, 2);
  const evidence = advanceEvidence(record, createEvidence(record), units);
  const text = JSON.stringify(evidence);
  const again = advanceEvidence(record, evidence, units);
  expect(JSON.stringify(evidence)).toBe(text);
  expect(JSON.stringify(again)).toBe(text);
});

test('[defect 6] [defect 7] what is kept of many units stays small', () => {
  const canaryRecord = startOf(canary({ scorers: [judge], rules: [...rules] }));
  const draw = createDraw(1);
  let evidence = createEvidence(canaryRecord);
  for (let from = 0; from < 10_000; from += 2_000) {
    const units = Array.from({ length: 2_000 }, (_, i) =>
      unitOf({
        seq: from + i + 1,
        arm: draw() < 0.001 ? 1 : 0,
        values: { ...outcome(draw() < 0.1), latency: draw() * 1e5, tokens: draw(), 'score:judge': draw() },
      }),
    );
    evidence = advanceEvidence(canaryRecord, evidence, units);
  }
  expect(evidence.settledSeq).toBe(10_000);
  expect(JSON.stringify(evidence).length).toBeLessThan(64 * 1024);
});

test('a change of rules keeps the streams of rules that stay equal and begins the others behind all that anybody has seen', () => {
  const units = randomUnits(record, 300, 4);
  const before = advanceEvidence(record, createEvidence(record), units);
  const changed: RolloutRecord = {
    ...record,
    rules: record.rules.flatMap((rule) => {
      if (rule.id === 'latency') return [];
      return rule.id === 'tokens' ? [{ ...rule, margin: 0.3 }] : [{ ...rule, weight: rule.weight * 2 }];
    }),
  };
  const after = advanceEvidence(changed, before, []);
  expect(streamsOf(after).rules['1/error']).toEqual(streamsOf(before).rules['1/error']);
  expect(streamsOf(after).rules['1/latency']).toBeUndefined();
  expect(streamsOf(after).rules['1/tokens']?.blocks).toMatchObject({ seq: 300, tests: { blocks: 0 } });

  // One open run holds up the watermark: the values behind it can be read, and are no part of a test that is chosen now.
  const waiting = [
    openUnit({ seq: 301 }),
    ...randomUnits(record, 40, 5).map((unit) => ({ ...unit, seq: unit.seq + 301 })),
  ];
  const held = advanceEvidence(record, before, waiting);
  expect(held.settledSeq).toBe(300);
  const chosen = advanceEvidence(changed, held, waiting);
  expect(streamsOf(chosen).rules['1/tokens']?.blocks).toMatchObject({ seq: 341, tests: { blocks: 0 } });
});

test('a rule that gets a larger share of alpha keeps the threshold that its test began with', () => {
  const before = createEvidence(record);
  const thresholdIn = (one: RolloutRecord, evidence: Evidence): number | undefined =>
    summarizeEvidence(one, evidence, 0, 0).tests.find(({ rule }) => rule === 'error')?.threshold;
  const alone: RolloutRecord = { ...record, rules: record.rules.filter(({ id }) => id === 'error') };
  const threshold = thresholdIn(record, before);
  expect(thresholdIn(alone, createEvidence(alone))).toBeLessThan(threshold ?? 0);
  expect(thresholdIn(alone, advanceEvidence(alone, before, []))).toBe(threshold);
  const heavier: RolloutRecord = {
    ...record,
    rules: record.rules.map((rule) => (rule.id === 'tokens' ? { ...rule, weight: 9 } : rule)),
  };
  expect(thresholdIn(heavier, advanceEvidence(heavier, before, []))).toBeGreaterThan(threshold ?? 0);
});

test('a missing value is left out of both arms, or counts as the worst in both', () => {
  const of = (onMissing: 'drop' | 'zero') => {
    const canaryRecord = startOf(canary({ weight: 0.1, steps: [], onMissing }));
    const units = [1, 2, 3, 4, 5, 6].map((seq) =>
      unitOf({
        seq,
        arm: seq % 3 === 0 ? 1 : 0,
        values: seq === 2 ? { error: null, run_failed: null, run_partial: null } : outcome(false),
      }),
    );
    const evidence = advanceEvidence(canaryRecord, createEvidence(canaryRecord), units);
    return summarizeEvidence(canaryRecord, evidence, 0, 0).tests[0];
  };
  expect(of('drop')).toMatchObject({ blocks: 1, stableValues: 2, stableMean: 1, missing: 1 });
  expect(of('zero')).toMatchObject({ blocks: 1, stableValues: 3, stableMean: 2 / 3, missing: 1 });
});

test('[g12.19] scores are clamped, and what is no number is counted as missing', () => {
  const canaryRecord = startOf(
    canary({ weight: 0.1, steps: [], rules: [{ metric: 'score:judge' }], scorers: [judge] }),
  );
  const scores = [7, Number.NaN, -3, 0.5, 0.5];
  const units = scores.map((score, i) =>
    unitOf({ seq: i + 1, arm: i === 2 || i === 4 ? 1 : 0, values: { ...outcome(false), 'score:judge': score } }),
  );
  const evidence = advanceEvidence(canaryRecord, createEvidence(canaryRecord), units);
  const summary = summarizeEvidence(canaryRecord, evidence, 0, 0);
  expect(summary.tests[0]).toMatchObject({ blocks: 1, stableMean: 0.75, candidateMean: 0, missing: 1 });
  expect(JSON.stringify(summary)).not.toContain('null');
});

test('only sampled units have a score: the others are passed by, also as borders of blocks', () => {
  const canaryRecord = startOf(
    canary({ weight: 0.1, steps: [], rules: [{ metric: 'score:judge' }], scorers: [{ ...judge, sample: 0.5 }] }),
  );
  const units = [1, 2, 3, 4, 5, 6].map((seq) =>
    unitOf({
      seq,
      arm: seq > 1 && seq % 2 === 0 ? 1 : 0,
      values: { ...outcome(false), ...(seq === 4 ? {} : { 'score:judge': 1 }) },
    }),
  );
  const sampler = (_: unknown, unit: string) => unit !== units[3]?.unit;
  const evidence = advanceEvidence(canaryRecord, createEvidence(canaryRecord), units, sampler);
  const [test_] = summarizeEvidence(canaryRecord, evidence, 0, 0).tests;
  expect(test_).toMatchObject({ blocks: 1, candidateValues: 1, missing: 0 });
  expect(evidence.settledSeq).toBe(6);
  expect(() => advanceEvidence(canaryRecord, createEvidence(canaryRecord), units)).toThrow('samples');
});

test('alpha is split by weight over the rules of every arm', () => {
  const { tests, alpha } = summarizeEvidence(record, createEvidence(record), 0, 0);
  expect(tests.reduce((sum, { threshold }) => sum + 1 / threshold, 0)).toBeCloseTo(record.alpha, 12);
  expect(alpha).toBe(record.alpha);
  expect(tests.every(({ eValue, harmUpper, breached }) => eValue === 1 && harmUpper === 1 && !breached)).toBe(true);
});

test('the bound on harm falls with the blocks and stays above the truth', () => {
  const canaryRecord = startOf(canary({ weight: 0.5, steps: [] }));
  const draw = createDraw(12);
  const units = Array.from({ length: 3_000 }, (_, i) => {
    const arm = draw() < 0.5 ? 1 : 0;
    return unitOf({ seq: i + 1, arm, values: outcome(draw() < (arm === 1 ? 0.2 : 0.1)) });
  });
  let evidence = createEvidence(canaryRecord);
  const bounds = [100, 500, 3_000].map((n) => {
    evidence = advanceEvidence(canaryRecord, evidence, units.slice(0, n));
    return summarizeEvidence(canaryRecord, evidence, 0, 0).tests[0]?.harmUpper ?? 0;
  });
  expect(bounds[1]).toBeLessThan(bounds[0] as number);
  expect(bounds[2]).toBeLessThan(0.2);
  expect(Math.min(...bounds)).toBeGreaterThan(0.1);
});

test('scorers that bear the names of what every object has are counted like others, and change no object', () => {
  const before = Object.keys(Object);
  const scorers = (['constructor', 'toString'] as const).map((id) => ({ id, kind: 'posted', sample: 1 }) as const);
  const named = startOf(experiment([0.5], { scorers }));
  const values = { ...outcome(false), 'score:constructor': 1, 'score:toString': null };
  const units = [1, 2, 3].map((seq) => unitOf({ seq, arm: seq % 2, values }));
  const streams = streamsOf(advanceEvidence(named, createEvidence(named), units));
  expect(streams.scorers).toEqual({
    constructor: { seq: 3, epoch: 1, units: 0 },
    toString: { seq: 3, epoch: 1, units: 3 },
  });
  expect(Object.keys(Object)).toEqual(before);
});
