import { createEProcess, eOf, updateEProcess } from '@skein/domain';
import type { AttemptValues } from './read-attempt.ts';
import type { PairValue, ReplayPair } from './replay-document.ts';

/** The promotion test of one metric passes at this E. */
const notWorseThreshold = 20;

/** How one metric compares over the pairs. */
export interface MetricComparison {
  readonly metric: string;
  readonly pairs: number;
  /** Replayed minus recorded, in x. */
  readonly meanDifference: number;
  /** Largest E so far against "not worse by more than the margin", and against "worse by at least the margin". */
  readonly eWorse: number;
  readonly eNotWorse: number;
  /** It takes part in the verdict. */
  readonly decides: boolean;
}

/** What the pairs say. */
export interface PairsVerdict {
  readonly status: 'running' | 'passed' | 'failed' | 'inconclusive';
  readonly comparison: readonly MetricComparison[];
  /** The metric that decided a failure. */
  readonly breached?: string;
}

/** What a comparison needs beside the pairs. */
export interface ComparePairs {
  readonly pairs: readonly Pick<ReplayPair, 'state' | 'values'>[];
  readonly margin: number;
  readonly alpha: number;
  /** Metrics that take part in the verdict; the others are only shown. */
  readonly deciding: readonly string[];
}

/**
 * x of an unbounded value, lower better: 1/2 is what was recorded, 1 is nothing, 0 is twice as much or more. The cap is that of the recorded
 * value of the same pair, so that long and short steps weigh the same.
 */
export const relativeValue = (recorded: number, replayed: number): PairValue => {
  if (recorded <= 0) return { recorded: 0.5, replayed: replayed <= 0 ? 0.5 : 0 };
  return { recorded: 0.5, replayed: 1 - Math.min(replayed, 2 * recorded) / (2 * recorded) };
};

/** x of the built-in metrics. What a failed attempt used says nothing beside one that did not fail. */
export const builtinPairValues = (
  recorded: AttemptValues,
  replayed: AttemptValues,
): { readonly [metric: string]: PairValue } => {
  const values: { [metric: string]: PairValue } = {
    error: { recorded: 1 - recorded.error, replayed: 1 - replayed.error },
  };
  if (recorded.error + replayed.error > 0) return values;
  for (const metric of ['tokens', 'latency', 'costUsd'] as const) {
    const [then, now] = [recorded[metric], replayed[metric]];
    if (then !== undefined && now !== undefined) values[metric] = relativeValue(then, now);
  }
  return values;
};

const compare = (
  metric: string,
  { pairs, margin, deciding }: ComparePairs,
): MetricComparison & { readonly lnWorse: number; readonly lnNotWorse: number } => {
  const worse = createEProcess();
  const notWorse = createEProcess();
  let [count, sum] = [0, 0];
  for (const { values } of pairs) {
    const value = values?.[metric];
    if (value === undefined) continue;
    const d = value.replayed - value.recorded;
    count += 1;
    sum += d;
    updateEProcess(worse, -(d + margin) / (1 + margin));
    updateEProcess(notWorse, (d + margin) / (1 + margin));
  }
  return {
    metric,
    pairs: count,
    meanDifference: count === 0 ? 0 : sum / count,
    eWorse: eOf(worse.lnMax),
    eNotWorse: eOf(notWorse.lnMax),
    decides: deciding.includes(metric),
    lnWorse: worse.lnMax,
    lnNotWorse: notWorse.lnMax,
  };
};

/**
 * Compares pairwise, in the order in which the steps were picked and never past one that is not over, so that what is fast counts no
 * sooner than what is slow. Each deciding metric has the process of the regression test (g.6) over d = replayed - recorded, and its mirror
 * (g.7). Alpha is split over the deciding metrics. Failed at E >= deciding metrics / alpha; passed when each of them has E >= 20 for "not worse",
 * or when all pairs are over and no mean difference is below -margin; else inconclusive.
 */
export const comparePairs = (input: ComparePairs): PairsVerdict => {
  const { alpha, margin, deciding } = input;
  const open = input.pairs.findIndex(({ state }) => state === 'waiting' || state === 'running');
  const isOver = open < 0;
  const pairs = isOver ? input.pairs : input.pairs.slice(0, open);
  const seen = new Set(pairs.flatMap(({ values = {} }) => Object.keys(values)));
  const metrics = [...deciding, ...[...seen].filter((metric) => !deciding.includes(metric)).toSorted()];
  const compared = metrics.map((metric) => compare(metric, { ...input, pairs }));
  const comparison = compared.map(({ lnWorse: _worse, lnNotWorse: _notWorse, ...shown }) => shown);
  const deciders = compared.filter(({ decides, pairs: count }) => decides && (count > 0 || !isOver));
  const breached = deciders.find(({ lnWorse }) => lnWorse >= Math.log(deciding.length / alpha));
  if (breached !== undefined) return { status: 'failed', comparison, breached: breached.metric };
  const isShown = deciders.length > 0 && deciders.every((one) => one.lnNotWorse >= Math.log(notWorseThreshold));
  if (isShown) return { status: 'passed', comparison };
  if (!isOver) return { status: 'running', comparison };
  const isBeside = deciders.length > 0 && deciders.every(({ meanDifference }) => meanDifference >= -margin);
  return { status: isBeside ? 'passed' : 'inconclusive', comparison };
};
