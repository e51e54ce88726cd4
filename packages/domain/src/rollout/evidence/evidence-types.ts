import type { EvidenceSummary, Metric, Scorer } from '../rollout-record.ts';

/** Whether a unit (`UnitPlace.unit`) is one of those that a scorer judges: see `isSampled`. A pure function of the two. */
export type UnitSampler = (scorer: Scorer, unit: string) => boolean;

/** One arm's numbers of one metric, in raw units. */
export interface MetricNumbers {
  readonly metric: Metric;
  readonly count: number;
  readonly missing: number;
  readonly mean: number;
  readonly sd: number;
  readonly min: number;
  readonly max: number;
  /** Exact up to 512 values, then those of a t-digest. */
  readonly quantiles: { readonly p10: number; readonly p50: number; readonly p90: number; readonly p99: number };
  /** Mean minus that of stable with its two-sided anytime-valid 95 % band; absent for stable and when either has fewer than 2 values. */
  readonly difference?: { readonly mean: number; readonly lower: number; readonly upper: number };
  /** Largest E of the metric's regression rule; absent without such a rule. */
  readonly eValue?: number;
  /** p = min(1, 1/E), adjusted over the arms (Benjamini-Hochberg); for display only. */
  readonly adjusted?: number;
}

/** What `resultsOf` answers. All numbers finite. */
export interface ResultNumbers {
  readonly epochs: number;
  readonly alpha: number;
  /** All of alpha from the first look, whatever the number of looks (Ville), and what changes of rules began since. */
  readonly alphaSpent: number;
  /** Expected units per arm, chi-square summed over the epochs, and the smallest p of an epoch, adjusted over the epochs (Holm). */
  readonly srm: EvidenceSummary['srm'] & {
    readonly chiSquare: number;
    readonly pValue: number;
    readonly expected: readonly number[];
  };
  /** Units that lack a value of a metric that a rule tests. */
  readonly missing: number;
  /** In the order of `arms`; `units`: counted ones whose run is over. */
  readonly arms: readonly { readonly units: number; readonly metrics: readonly MetricNumbers[] }[];
}
