/**
 * Quantiles of a stream in bounded memory, deterministic: a merging t-digest (Dunning and Ertl, Computing extremely accurate quantiles using
 * t-digests, 2019) with scale function k1. Exact while it has taken no more than 512 values.
 */
export interface QuantileSketch {
  /** Means and weights of the clusters, ascending by mean. */
  means: number[];
  weights: number[];
  /** Values that are not in a cluster yet. */
  readonly waiting: number[];
}

const buffer = 512;

/** At most this many clusters, by the bound of k1. */
const compression = 200;

/** Before the first value. */
export const createQuantileSketch = (): QuantileSketch => ({ means: [], weights: [], waiting: [] });

/** Adds a finite value. In place. */
export const addQuantile = (sketch: QuantileSketch, value: number): void => {
  if (sketch.waiting.length === buffer) compress(sketch);
  sketch.waiting.push(value);
};

const entriesOf = ({ means, weights, waiting }: QuantileSketch): (readonly [mean: number, weight: number])[] =>
  [
    ...means.map((mean, i) => [mean, weights[i] as number] as const),
    ...waiting.map((value) => [value, 1] as const),
  ].sort((a, b) => a[0] - b[0]);

const scale = (q: number): number => (compression / (2 * Math.PI)) * Math.asin(2 * q - 1);

const compress = (sketch: QuantileSketch): void => {
  const entries = entriesOf(sketch);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  const means: number[] = [];
  const weights: number[] = [];
  let before = 0;
  let limit = scale(0) + 1;
  for (const [mean, weight] of entries) {
    const last = means.length - 1;
    const held = weights[last] ?? 0;
    if (last >= 0 && scale(Math.min(1, (before + held + weight) / total)) <= limit) {
      weights[last] = held + weight;
      means[last] = (means[last] as number) + ((mean - (means[last] as number)) * weight) / (held + weight);
      continue;
    }
    before += held;
    limit = scale(before / total) + 1;
    means.push(mean);
    weights.push(weight);
  }
  sketch.means = means;
  sketch.weights = weights;
  sketch.waiting.length = 0;
};

/** Values at these shares, linear between neighbours; 0 without a value. */
export const quantilesOf = (sketch: QuantileSketch, shares: readonly number[]): readonly number[] => {
  const entries = entriesOf(sketch);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  return shares.map((share) => {
    const rank = share * (total - 1);
    let before = 0;
    let [lower, lowerAt] = [entries[0]?.[0] ?? 0, 0];
    for (const [mean, weight] of entries) {
      const at = before + (weight - 1) / 2;
      if (at >= rank) return at === lowerAt ? mean : lower + ((mean - lower) * (rank - lowerAt)) / (at - lowerAt);
      [lower, lowerAt] = [mean, at];
      before += weight;
    }
    return lower;
  });
};
