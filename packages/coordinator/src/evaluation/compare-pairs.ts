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

/**
 * Why pairs decided nothing. `nothing`: none could be compared; `worse`: by more than the margin in the mean, in too few pairs to prove it; `same`: none
 * is better where better was asked for; `few`: less than `minPairs` of them.
 */
export type Undecided = 'nothing' | 'worse' | 'same' | 'few';

/** What the pairs say. */
export interface PairsVerdict {
  readonly status: 'running' | 'passed' | 'failed' | 'inconclusive';
  /** Of an inconclusive one. */
  readonly undecided?: Undecided;
  /** Pairs that were compared. */
  readonly finished: number;
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
  /** Pairs that must have been compared before means alone may pass a candidate. */
  readonly minPairs: number;
  /** `better`: of steps that went badly, one at least must be better on a deciding metric. */
  readonly asks: 'not_worse' | 'better';
}

/**
 * x of an unbounded value, lower better: 1/2 is what was recorded, 1 is nothing, 0 is twice as much or more. The cap is that of the recorded
 * value of the same pair, so that long and short steps weigh the same.
 */
export const relativeValue = (recorded: number, replayed: number): PairValue => {
  if (recorded <= 0) return { recorded: 0.5, replayed: replayed <= 0 ? 0.5 : 0 };
  // In this order nothing overflows.
  return { recorded: 0.5, replayed: replayed === recorded ? 0.5 : 1 - Math.min(replayed / recorded / 2, 1) };
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

type Compared = MetricComparison & { readonly lnWorse: number; readonly lnNotWorse: number; readonly better: number };

const compare = (metric: string, { pairs, margin, deciding }: ComparePairs): Compared => {
  const worse = createEProcess();
  const notWorse = createEProcess();
  let [count, sum, better] = [0, 0, 0];
  for (const { values } of pairs) {
    const value = values?.[metric];
    if (value === undefined) continue;
    const d = value.replayed - value.recorded;
    count += 1;
    sum += d;
    if (d > 0) better += 1;
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
    better,
  };
};

const undecidedOf = (
  { margin, minPairs, asks }: ComparePairs,
  deciders: readonly Compared[],
  finished: number,
): Undecided | undefined => {
  if (deciders.length === 0) return 'nothing';
  if (deciders.some(({ meanDifference }) => meanDifference < -margin)) return 'worse';
  if (asks === 'better' && !deciders.some(({ better }) => better > 0)) return 'same';
  return finished < minPairs && !isShown(deciders) ? 'few' : undefined;
};

/** Proven not worse by more than the margin, on each metric that decides. */
const isShown = (deciders: readonly Compared[]): boolean =>
  deciders.length > 0 && deciders.every(({ lnNotWorse }) => lnNotWorse >= Math.log(notWorseThreshold));

/**
 * Compares pairwise, in the order in which the steps were picked and never past one that is not over, so that what is fast counts no
 * sooner than what is slow. Each deciding metric has the process of the regression test (g.6) over d = replayed - recorded, and its mirror
 * (g.7). Alpha is split over the deciding metrics. Failed at E >= deciding metrics / alpha; passed when each of them has E >= 20 for "not worse",
 * or when all pairs are over, `minPairs` of them were compared and no mean difference is below -margin; else inconclusive. Where better is asked
 * for, one pair at least must be better on a deciding metric, and no mean difference below -margin, whatever E is.
 */
export const comparePairs = (input: ComparePairs): PairsVerdict => {
  const { alpha, deciding } = input;
  const open = input.pairs.findIndex(({ state }) => state === 'waiting' || state === 'running');
  const isOver = open < 0;
  const pairs = isOver ? input.pairs : input.pairs.slice(0, open);
  const finished = pairs.filter(({ state }) => state === 'done').length;
  const seen = new Set(pairs.flatMap(({ values = {} }) => Object.keys(values)));
  const metrics = [...deciding, ...[...seen].filter((metric) => !deciding.includes(metric)).toSorted()];
  const compared = metrics.map((metric) => compare(metric, { ...input, pairs }));
  const comparison = compared.map(
    ({ lnWorse: _worse, lnNotWorse: _notWorse, better: _better, ...shown }): MetricComparison => shown,
  );
  const deciders = compared.filter(({ decides, pairs: count }) => decides && (count > 0 || !isOver));
  const breached = deciders.find(({ lnWorse }) => lnWorse >= Math.log(deciding.length / alpha));
  const seenNow = { comparison, finished };
  if (breached !== undefined) return { status: 'failed', ...seenNow, breached: breached.metric };
  const isProven = isShown(deciders);
  if (isProven && input.asks === 'not_worse') return { status: 'passed', ...seenNow };
  const undecided = undecidedOf(input, deciders, finished);
  if (isProven && undecided === undefined) return { status: 'passed', ...seenNow };
  if (!isOver) return { status: 'running', ...seenNow };
  return undecided === undefined ? { status: 'passed', ...seenNow } : { status: 'inconclusive', ...seenNow, undecided };
};
