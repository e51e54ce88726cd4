import type { RolloutRecord } from '../rollout-record.ts';
import { totalParts } from '../rollout-record.ts';
import { chiSquareTail, lnGamma } from './ln-gamma.ts';

/** Units by epoch and arm: each unit once, in the epoch whose weights chose its arm. */
export type EpochCounts = { readonly [epoch: string]: readonly number[] };

/** ln B at which the shares of units cannot be what the weights say: one false alarm in a thousand rollouts at most, at any look. */
export const srmThreshold = Math.log(1000);

/** Concentration of the prior. */
const concentration = 100;

/** The weights of an epoch: each arm's share, at least one part, so that a unit in an arm without weight tells much and not infinitely much. */
const weightsOf = (record: Pick<RolloutRecord, 'arms' | 'epochs'>, epoch: number): readonly number[] => {
  const parts = partsOf(record, epoch);
  return parts.map((n) => Math.max(1, n) / totalParts);
};

/** Parts of the arms in an epoch; of the record itself for one that it does not list. */
export const partsOf = (record: Pick<RolloutRecord, 'arms' | 'epochs'>, epoch: number): readonly number[] =>
  record.epochs.find((one) => one.epoch === epoch)?.parts ?? record.arms.map(({ parts }) => parts);

/**
 * ln of the Bayes factor of a Dirichlet-multinomial around the weights against the weights themselves (Lindon and Malek, Anytime-valid
 * inference for multinomial count data, 2022), a martingale when they hold; the product over the epochs.
 */
export const lnSampleRatio = (record: Pick<RolloutRecord, 'arms' | 'epochs'>, counts: EpochCounts): number => {
  let lnB = 0;
  for (const [epoch, units] of Object.entries(counts)) {
    const weights = weightsOf(record, Number(epoch));
    let n = 0;
    units.forEach((count, arm) => {
      const weight = weights[arm] ?? 1 / totalParts;
      const a = concentration * weight;
      lnB += lnGamma(a + count) - lnGamma(a) - count * Math.log(weight);
      n += count;
    });
    lnB += lnGamma(concentration) - lnGamma(concentration + n);
  }
  return lnB;
};

/**
 * The test over all units and over those of which something was measured, in one number: the mean of the two Bayes factors, a martingale too, so that
 * the bound on false alarms holds for both together. It sees runs that are cancelled, or never end, more often in one arm, whose values are missing in
 * every metric. `unmeasured`: units of `counts` of which nothing is known.
 */
export const lnSampleRatios = (
  record: Pick<RolloutRecord, 'arms' | 'epochs'>,
  counts: EpochCounts,
  unmeasured: EpochCounts,
): number => {
  const all = lnSampleRatio(record, counts);
  if (Object.keys(unmeasured).length === 0) return all;
  const measured = Object.fromEntries(
    Object.entries(counts).map(([epoch, units]) => [
      epoch,
      units.map((count, arm) => count - (unmeasured[epoch]?.[arm] ?? 0)),
    ]),
  );
  const rest = lnSampleRatio(record, measured);
  return Math.max(all, rest) + Math.log1p(Math.exp(-Math.abs(all - rest))) - Math.LN2;
};

/** The same for people: expected units, chi-square over all epochs, and the least p of an epoch, adjusted by Holm. Not valid when peeked at. */
export const chiSquareOf = (
  record: RolloutRecord,
  counts: EpochCounts,
): { readonly chiSquare: number; readonly pValue: number; readonly expected: readonly number[] } => {
  const expected = record.arms.map(() => 0);
  const ps: number[] = [];
  let all = 0;
  for (const [epoch, units] of Object.entries(counts)) {
    const parts = partsOf(record, Number(epoch));
    const n = units.reduce((sum, count) => sum + count, 0);
    let chiSquare = 0;
    let freedom = -1;
    parts.forEach((part, arm) => {
      const e = (n * part) / totalParts;
      expected[arm] = (expected[arm] ?? 0) + e;
      if (e <= 0) return;
      freedom += 1;
      chiSquare += ((units[arm] ?? 0) - e) ** 2 / e;
    });
    all += chiSquare;
    if (n > 0) ps.push(chiSquareTail(chiSquare, freedom));
  }
  return { chiSquare: all, pValue: Math.min(1, ...holm(ps)), expected };
};

/** p values adjusted for their number (Holm 1979), in their order. */
export const holm = (ps: readonly number[]): readonly number[] => {
  const order = ps.map((_, i) => i).toSorted((a, b) => (ps[a] as number) - (ps[b] as number));
  const adjusted = Array.from({ length: ps.length }, () => 1);
  let most = 0;
  order.forEach((at, rank) => {
    most = Math.max(most, Math.min(1, (ps[at] as number) * (ps.length - rank)));
    adjusted[at] = most;
  });
  return adjusted;
};
