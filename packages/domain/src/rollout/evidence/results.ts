import type { Evidence } from '../evidence.ts';
import type { Metric, RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import { differenceBand } from './difference-band.ts';
import { eOf } from './e-process.ts';
import type { MetricNumbers, ResultNumbers } from './evidence-types.ts';
import { benjaminiHochberg } from './false-discovery.ts';
import { addMoment, createMoments, type Moments, varianceOf } from './moments.ts';
import { addQuantile, createQuantileSketch, type QuantileSketch, quantilesOf } from './quantile-sketch.ts';
import { chiSquareOf, lnSampleRatios, srmThreshold } from './sample-ratio.ts';
import { streamKey, streamsOf } from './streams.ts';

interface MetricState {
  readonly moments: Moments;
  readonly sketch: QuantileSketch;
  missing: number;
}

/** Streaming numbers of the units of a rollout: memory grows with arms, metrics and epochs, not with the units. */
export interface ResultsState {
  /** Metrics that a rule tests, and units that lack a value of one of them. */
  readonly tested: ReadonlySet<string>;
  incomplete: number;
  readonly arms: readonly { units: number; readonly metrics: Map<string, MetricState> }[];
  readonly counts: { [epoch: string]: number[] };
  readonly unmeasured: { [epoch: string]: number[] };
}

/** Numbers before the first unit: of every metric that a rule or a scorer names, and of whatever else units bring. */
export const createResults = (record: RolloutRecord): ResultsState => {
  const metrics = new Set<string>([
    ...record.rules.map(({ metric }) => metric),
    ...record.scorers.map(({ id }) => `score:${id}`),
  ]);
  return {
    tested: new Set(record.rules.map(({ metric }) => metric)),
    incomplete: 0,
    arms: record.arms.map(() => ({
      units: 0,
      metrics: new Map([...metrics].map((metric) => [metric, createMetric()])),
    })),
    counts: {},
    unmeasured: {},
  };
};

const createMetric = (): MetricState => ({ moments: createMoments(), sketch: createQuantileSketch(), missing: 0 });

/** Adds units, each once and in any number of pages; open and void ones change nothing. In place; answers the same state. */
export const addToResults = (results: ResultsState, units: readonly RolloutUnit[]): ResultsState => {
  for (const unit of units) {
    const arm = results.arms[unit.arm];
    if (arm === undefined || unit.state === 'void') continue;
    const values = Object.entries(unit.values);
    if (unit.state === 'open' && values.length === 0) continue;
    arm.units += 1;
    const counts = (results.counts[unit.epoch] ??= results.arms.map(() => 0));
    counts[unit.arm] = (counts[unit.arm] ?? 0) + 1;
    if (unit.values['run_failed'] === null) {
      const unmeasured = (results.unmeasured[unit.epoch] ??= results.arms.map(() => 0));
      unmeasured[unit.arm] = (unmeasured[unit.arm] ?? 0) + 1;
    }
    if (values.some(([metric, value]) => value === null && results.tested.has(metric))) results.incomplete += 1;
    for (const [metric, value] of values) {
      let state = arm.metrics.get(metric);
      if (state === undefined) arm.metrics.set(metric, (state = createMetric()));
      if (value === null || !Number.isFinite(value)) {
        state.missing += 1;
        continue;
      }
      addMoment(state.moments, value);
      addQuantile(state.sketch, value);
    }
  }
  return results;
};

/** The numbers of what was added, also after the end. `evidence` gives the e-values of the metrics that have a regression rule. */
export const resultsOf = (record: RolloutRecord, results: ResultsState, evidence?: Evidence): ResultNumbers => {
  const lnB = lnSampleRatios(record, results.counts, results.unmeasured);
  const adjusted = adjustedOf(record, evidence);
  const stable = results.arms[0]?.metrics;
  const arms = results.arms.map(({ units, metrics }, arm) => ({
    units,
    metrics: [...metrics].map(([metric, state]) => {
      const other = arm === 0 ? undefined : stable?.get(metric)?.moments;
      return numbersOf(metric as Metric, state, other, adjusted.get(metric)?.[arm - 1]);
    }),
  }));
  return {
    epochs: record.epochs.length,
    alpha: record.alpha,
    alphaSpent: record.alphaSpent,
    srm: { lnB, threshold: srmThreshold, alarm: lnB >= srmThreshold, ...chiSquareOf(record, results.counts) },
    missing: results.incomplete,
    arms,
  };
};

/** By metric with a regression rule: largest E of each candidate arm, and its p adjusted over the arms. */
const adjustedOf = (
  record: RolloutRecord,
  evidence: Evidence | undefined,
): ReadonlyMap<string, readonly { readonly eValue: number; readonly adjusted: number }[]> => {
  const found = new Map<string, readonly { readonly eValue: number; readonly adjusted: number }[]>();
  if (evidence === undefined) return found;
  const { rules } = streamsOf(evidence);
  for (const rule of record.rules) {
    if (rule.kind !== 'regression' || found.has(rule.metric)) continue;
    const lnMax = record.arms
      .slice(1)
      .map((_, at) => rules[streamKey(rule, at + 1)]?.blocks?.tests.regression.lnMax ?? 0);
    const ps = benjaminiHochberg(lnMax.map((ln) => Math.exp(-ln)));
    found.set(
      rule.metric,
      lnMax.map((ln, at) => ({ eValue: eOf(ln), adjusted: ps[at] as number })),
    );
  }
  return found;
};

const numbersOf = (
  metric: Metric,
  { moments, sketch, missing }: MetricState,
  stable: Moments | undefined,
  test: { readonly eValue: number; readonly adjusted: number } | undefined,
): MetricNumbers => {
  const [p10 = 0, p50 = 0, p90 = 0, p99 = 0] = quantilesOf(sketch, [0.1, 0.5, 0.9, 0.99]);
  const difference = stable === undefined ? undefined : differenceBand(stable, moments);
  return {
    metric,
    count: moments.n,
    missing,
    mean: moments.mean,
    sd: Math.sqrt(varianceOf(moments)),
    min: moments.min,
    max: moments.max,
    quantiles: { p10, p50, p90, p99 },
    ...(difference === undefined ? {} : { difference }),
    ...test,
  };
};
