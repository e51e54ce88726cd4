/** Number, mean, squared deviations and bounds of a stream of values (Welford 1962). All finite; 0 before the first value. */
export interface Moments {
  n: number;
  mean: number;
  m2: number;
  min: number;
  max: number;
}

/** Before the first value. */
export const createMoments = (): Moments => ({ n: 0, mean: 0, m2: 0, min: 0, max: 0 });

/** Adds a finite value. In place. */
export const addMoment = (moments: Moments, value: number): void => {
  moments.n += 1;
  const before = value - moments.mean;
  moments.mean += before / moments.n;
  moments.m2 += before * (value - moments.mean);
  moments.min = moments.n === 1 ? value : Math.min(moments.min, value);
  moments.max = moments.n === 1 ? value : Math.max(moments.max, value);
};

/** The moments of both streams together (Chan, Golub and LeVeque 1979). */
export const mergeMoments = (a: Moments, b: Moments): Moments => {
  if (a.n === 0) return { ...b };
  if (b.n === 0) return { ...a };
  const n = a.n + b.n;
  const apart = b.mean - a.mean;
  return {
    n,
    mean: a.mean + (apart * b.n) / n,
    m2: a.m2 + b.m2 + (apart * apart * a.n * b.n) / n,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
  };
};

/** Unbiased; 0 below two values. */
export const varianceOf = ({ n, m2 }: Moments): number => (n < 2 ? 0 : m2 / (n - 1));
