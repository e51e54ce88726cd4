import { median, percentile, round3 } from '../measure.ts';
import type { Figure } from '../render-figures.ts';

/** Fewer samples have no 99th percentile worth saying. */
const minSamples = 20;

/** A figure whose value is the median of samples. */
export const sampled = (
  figure: Omit<Figure, 'ours' | 'p99' | 'n' | 'anchor'> & { readonly anchor?: number },
  samples: readonly number[],
): Figure => ({
  ...figure,
  ...(figure.anchor === undefined ? {} : { anchor: round3(figure.anchor) }),
  ours: round3(median(samples)),
  ...(samples.length < minSamples ? {} : { p99: round3(percentile(samples, 0.99)) }),
  n: samples.length,
});
