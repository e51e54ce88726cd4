/** Bets of the test: lambda_k = 0.01 * 75^(k/15), 0.01 to 0.75. */
export const lambdas: readonly number[] = Array.from({ length: 16 }, (_, k) => 0.01 * 75 ** (k / 15));

const count = 16;

/** Wealth outside of these bounds moves into the logarithm, so that nothing ever over- or underflows. */
const tiny = 1e-150;
const huge = 1e150;

/**
 * A mixture of 16 betting martingales (Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2023), JSON-safe.
 * S_k = sum of log1p(lambda_k * g) = `log[k]` + ln `wealth[k]`: wealth is a product, as one logarithm per bet would cost five times as much.
 */
export interface EProcess {
  readonly wealth: number[];
  readonly log: number[];
  /** ln of the largest E so far, at least 0. */
  lnMax: number;
}

/** E = 1. */
export const createEProcess = (): EProcess => ({
  wealth: Array.from({ length: count }, () => 1),
  log: Array.from({ length: count }, () => 0),
  lnMax: 0,
});

/** A copy that shares nothing. */
export const copyEProcess = ({ wealth, log, lnMax }: EProcess): EProcess => ({
  wealth: [...wealth],
  log: [...log],
  lnMax,
});

/** S_k of each lambda. */
export const sumsOf = ({ wealth, log }: EProcess): number[] => wealth.map((w, k) => (log[k] as number) + Math.log(w));

/** ln E = ln of the mean of exp(S_k), by log-sum-exp. Always finite. */
export const lnEOf = (process: EProcess): number => {
  const sums = sumsOf(process);
  const max = Math.max(...sums);
  return max + Math.log(sums.reduce((total, s) => total + Math.exp(s - max), 0) / count);
};

/** A number that JSON can hold for ln E. */
export const eOf = (lnE: number): number => Math.exp(Math.min(lnE, 700));

/** S_k += log1p(lambda_k * g) for g in [-1, 1], and the running maximum. In place. */
export const updateEProcess = (process: EProcess, g: number): void => {
  const { wealth, log } = process;
  let sum = 0;
  let isOut = false;
  for (let k = 0; k < count; k += 1) {
    const w = (wealth[k] as number) * (1 + (lambdas[k] as number) * g);
    const shifted = log[k] as number;
    wealth[k] = w;
    if (w < tiny || w > huge) isOut = true;
    // What was shifted down and has not grown since adds nothing that a double could hold.
    if (shifted === 0) sum += w;
    else if (shifted > -300 || w > 1e100) sum += Math.exp(shifted) * w;
  }
  if (isOut) shift(process);
  if (sum > count) process.lnMax = Math.max(process.lnMax, sum < huge ? Math.log(sum / count) : lnEOf(process));
};

const shift = ({ wealth, log }: EProcess): void => {
  for (let k = 0; k < count; k += 1) {
    const w = wealth[k] as number;
    if (w < tiny || w > huge) {
      log[k] = (log[k] as number) + Math.log(w);
      wealth[k] = 1;
    }
  }
};

/** The process of two replicas: their S add. Its maximum begins here, as those of the parts were looks at something else. */
export const mergeEProcesses = (a: EProcess, b: EProcess): EProcess => {
  const merged: EProcess = {
    wealth: a.wealth.map((w, k) => w * (b.wealth[k] as number)),
    log: a.log.map((l, k) => l + (b.log[k] as number)),
    lnMax: 0,
  };
  shift(merged);
  merged.lnMax = Math.max(0, lnEOf(merged));
  return merged;
};
