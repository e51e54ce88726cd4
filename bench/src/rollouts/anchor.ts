/** What the bare update of one block costs: 16 logarithms, and the log-sum-exp of E. Written out here, so that it is an anchor and not our code. */
export const bareUpdates = (blocks: number): number => {
  const lambdas = Float64Array.from({ length: 16 }, (_, k) => 0.01 * 75 ** (k / 15));
  const sums = new Float64Array(16);
  let most = 0;
  for (let block = 0; block < blocks; block += 1) {
    const g = block % 10 === 0 ? 0.9 : -0.1;
    let max = -Infinity;
    for (let k = 0; k < 16; k += 1) {
      const s = (sums[k] as number) + Math.log1p((lambdas[k] as number) * g);
      sums[k] = s;
      if (s > max) max = s;
    }
    // E can only be a new maximum where the largest S is above it.
    if (max <= most) continue;
    let sum = 0;
    for (let k = 0; k < 16; k += 1) sum += Math.exp((sums[k] as number) - max);
    most = Math.max(most, max + Math.log(sum / 16));
  }
  return most;
};
