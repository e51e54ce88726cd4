import { type Moments, varianceOf } from './moments.ts';

/** Level of the band that is shown. */
const bandAlpha = 0.05;

/** The number of values for which the band is tightest. */
const tunedFor = 5_000;

/** rho that makes the band tightest at N* values (Waudby-Smith et al., appendix on optimizing rho). */
const rhoSquared = (alpha: number): number => (-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1)) / tunedFor;

/**
 * The mean of `other` minus that of `stable` with its two-sided 95 % band, valid at every look in the limit: the asymptotic confidence
 * sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (Time-uniform central limit theory and asymptotic confidence sequences,
 * 2024, theorem 2.2), over all values of both sides with the variance of a difference of means. Undefined when a side has fewer than 2 values.
 */
export const differenceBand = (
  stable: Moments,
  other: Moments,
): { readonly mean: number; readonly lower: number; readonly upper: number } | undefined => {
  if (stable.n < 2 || other.n < 2) return undefined;
  const mean = other.mean - stable.mean;
  const n = stable.n + other.n;
  const spread = n * (varianceOf(stable) / stable.n + varianceOf(other) / other.n);
  const rho2 = rhoSquared(bandAlpha);
  const scaled = n * rho2 + 1;
  const half = Math.sqrt(spread * ((2 * scaled) / (n * n * rho2)) * Math.log(Math.sqrt(scaled) / bandAlpha));
  return { mean, lower: mean - half, upper: mean + half };
};
