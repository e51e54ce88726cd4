import { stride } from './chunks.ts';

/**
 * The share of pairs in which the candidate's value is the higher, ties one half, minus one half (Mann and Whitney): -1/2 to 1/2, with mean 0
 * when both sides have one distribution, whatever that is. `values`: chunks of at most one value per side.
 */
export const rankDifference = (values: readonly number[]): number => {
  let wins = 0;
  let pairs = 0;
  for (let c = 0; c < values.length; c += stride) {
    if (values[c + 3] === 0) continue;
    const candidate = values[c + 4] as number;
    for (let s = 0; s < values.length; s += stride) {
      if (values[s + 1] === 0) continue;
      const stable = values[s + 2] as number;
      pairs += 1;
      if (candidate > stable) wins += 1;
      else if (candidate === stable) wins += 0.5;
    }
  }
  return wins / pairs - 0.5;
};
