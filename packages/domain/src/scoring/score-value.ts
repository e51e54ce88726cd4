/** A scorer's answer as a score: a number is clamped to 0 … 1, true is 1, false 0. Undefined for anything else, NaN and infinities among it: missing. */
export const scoreValue = (answer: unknown): number | undefined => {
  if (typeof answer === 'boolean') return answer ? 1 : 0;
  if (typeof answer !== 'number' || !Number.isFinite(answer)) return undefined;
  return Math.min(1, Math.max(0, answer));
};

/** The mean of scores; undefined for none. */
export const meanScore = (scores: readonly number[]): number | undefined =>
  scores.length === 0 ? undefined : scores.reduce((sum, score) => sum + score, 0) / scores.length;
