/**
 * Predictable plug-in empirical-Bernstein confidence sequence, upper side (Waudby-Smith and Ramdas, Estimating means of bounded random
 * variables by betting, 2023, theorem 2): valid at every look for values in [0, 1] whose conditional mean does not change.
 */
export interface HarmBound {
  n: number;
  mean: number;
  /** Sum of squared deviations (Welford). */
  m2: number;
  /** Sums of lambda, of lambda * y, and of the variance terms. */
  bets: number;
  betted: number;
  spread: number;
}

/** Largest bet. */
const most = 0.75;

/** Before the first block. */
export const createHarmBound = (): HarmBound => ({ n: 0, mean: 0, m2: 0, bets: 0, betted: 0, spread: 0 });

/** Adds the difference of one block, candidate minus stable, in [-1, 1]; `lnAlpha`: ln(1/alpha) of the bound. In place. */
export const updateHarmBound = (bound: HarmBound, d: number, lnAlpha: number): void => {
  const y = (1 - d) / 2;
  const n = bound.n + 1;
  // Both estimates use what was seen before this value only.
  const guess = (0.5 + bound.n * bound.mean) / n;
  const variance = (0.25 + bound.m2) / n;
  const lambda = Math.min(most, Math.sqrt((2 * lnAlpha) / (variance * n * Math.log1p(n))));
  bound.bets += lambda;
  bound.betted += lambda * y;
  bound.spread += (y - guess) ** 2 * (-Math.log1p(-lambda) - lambda);
  const before = y - bound.mean;
  bound.mean += before / n;
  bound.m2 += before * (y - bound.mean);
  bound.n = n;
};

/** Upper bound of stable minus candidate, -1 to 1; 1 while unknown. */
export const harmUpperOf = (bound: HarmBound, lnAlpha: number): number => {
  if (bound.n === 0) return 1;
  const upper = (bound.betted + lnAlpha + bound.spread) / bound.bets;
  return Math.min(1, Math.max(-1, 2 * upper - 1));
};

/** The bound over the blocks of two replicas: each sum is one of blocks. */
export const mergeHarmBounds = (a: HarmBound, b: HarmBound): HarmBound => {
  const n = a.n + b.n;
  if (n === 0) return createHarmBound();
  const apart = b.mean - a.mean;
  return {
    n,
    mean: a.mean + (apart * b.n) / n,
    m2: a.m2 + b.m2 + (apart * apart * a.n * b.n) / n,
    bets: a.bets + b.bets,
    betted: a.betted + b.betted,
    spread: a.spread + b.spread,
  };
};

/** A copy. */
export const copyHarmBound = (bound: HarmBound): HarmBound => ({ ...bound });
