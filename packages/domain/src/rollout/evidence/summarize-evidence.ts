import { alphaOf } from '../alpha-account.ts';
import type { Evidence } from '../evidence.ts';
import type { EvidenceSummary, RolloutRecord, RolloutRule, TestSummary } from '../rollout-record.ts';
import type { BlockTests } from './block-tests.ts';
import { type EProcess, eOf, lnEOf } from './e-process.ts';
import { harmUpperOf } from './harm-bound.ts';
import { lnHarmAlphaOf } from './run-streams.ts';
import { lnSampleRatios, srmThreshold } from './sample-ratio.ts';
import { type FloorStream, type Streams, streamKey, streamsOf } from './streams.ts';

/** 1/alpha_r of a rule: what its E must reach. Splitting alpha (Bonferroni) is valid however the rules depend on each other. */
export const thresholdOf = (record: Pick<RolloutRecord, 'alpha' | 'rules' | 'arms'>, rule: RolloutRule): number =>
  1 / alphaOf(record, rule);

/** Counted units of an arm whose run is over. */
export const unitsOf = ({ core }: Streams, arm: number): number =>
  Object.values(core.counts).reduce((sum, counts) => sum + (counts[arm] ?? 0), 0);

/** The evidence in numbers, all of them finite, as it is shown and kept with a decision. `unrouted`: the tally of the store. */
export const summarizeEvidence = (
  record: RolloutRecord,
  evidence: Evidence,
  unrouted: number,
  now: number,
): EvidenceSummary => {
  const streams = streamsOf(evidence);
  const lnB = lnSampleRatios(record, streams.core.counts, streams.core.unmeasured ?? {});
  const tests: TestSummary[] = [];
  for (const rule of record.rules) {
    for (let arm = 1; arm < record.arms.length; arm += 1) tests.push(testOf(record, streams, rule, arm));
  }
  return {
    at: now,
    units: record.arms.map((_, arm) => unitsOf(streams, arm)),
    tests,
    srm: { lnB, threshold: srmThreshold, alarm: lnB >= srmThreshold },
    unrouted,
    alpha: record.alphaSpent,
  };
};

const testOf = (record: RolloutRecord, streams: Streams, rule: RolloutRule, arm: number): TestSummary => {
  const stream = streams.rules[streamKey(rule, arm)];
  const threshold = Math.max(thresholdOf(record, rule), stream?.threshold ?? 0);
  const base = { rule: rule.id, metric: rule.metric, arm };
  const missing = (stream?.missing ?? 0) + (stream?.invalid ?? 0);
  if (stream?.blocks !== undefined) {
    return { ...base, ...blockNumbers(record, rule, stream.blocks.tests, threshold), missing };
  }
  return { ...base, ...floorNumbers(rule, stream?.floor, threshold), missing };
};

const mean = (sum: number, n: number): number => (n === 0 ? 0 : sum / n);

const eNumbers = (process: EProcess | undefined) => ({
  eValue: process === undefined ? 1 : eOf(lnEOf(process)),
  eMax: process === undefined ? 1 : eOf(process.lnMax),
});

const hasCrossed = (process: EProcess | undefined, threshold: number): boolean =>
  process !== undefined && process.lnMax >= Math.log(threshold);

const blockNumbers = (record: RolloutRecord, rule: RolloutRule, tests: BlockTests, threshold: number) => {
  const gate = 1 / record.promoteAlpha;
  return {
    blocks: tests.blocks,
    candidateValues: tests.n1,
    stableValues: tests.n0,
    candidateMean: mean(tests.s1, tests.n1),
    stableMean: mean(tests.s0, tests.n0),
    ...eNumbers(tests.regression),
    threshold,
    breached: hasCrossed(tests.regression, threshold) && tests.n1 >= rule.minUnits,
    ...(tests.promotion === undefined
      ? {}
      : { promotion: { ...eNumbers(tests.promotion), threshold: gate, passed: hasCrossed(tests.promotion, gate) } }),
    harmUpper: harmUpperOf(tests.harm, lnHarmAlphaOf(record)),
  };
};

const floorNumbers = (rule: RolloutRule, floor: FloorStream | undefined, threshold: number) => ({
  blocks: floor?.n ?? 0,
  candidateValues: floor?.n ?? 0,
  stableValues: 0,
  candidateMean: mean(floor?.sum ?? 0, floor?.n ?? 0),
  stableMean: 0,
  ...eNumbers(floor?.process),
  threshold,
  breached: hasCrossed(floor?.process, threshold) && (floor?.n ?? 0) >= rule.minUnits,
  harmUpper: 1,
});
