/** The smaller of two timeouts (ms) that may both be absent. */
export const smallerTimeout = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined ? other : other === undefined ? one : Math.min(one, other);
