import { copyEProcess, createEProcess, type EProcess, mergeEProcesses, updateEProcess } from './e-process.ts';
import { copyHarmBound, createHarmBound, type HarmBound, mergeHarmBounds, updateHarmBound } from './harm-bound.ts';

/** What the blocks of one rule and arm have shown so far. JSON-safe. */
export interface BlockTests {
  blocks: number;
  /** Number and sum of x, of the stable and of the candidate values in closed blocks. */
  n0: number;
  s0: number;
  n1: number;
  s1: number;
  readonly regression: EProcess;
  readonly promotion?: EProcess;
  readonly harm: HarmBound;
}

/** The numbers of a rule that the tests of its blocks use. */
export interface BlockMargins {
  readonly margin: number;
  readonly promoteMargin?: number;
  /** ln(1/alpha) of the harm bound. */
  readonly lnHarmAlpha: number;
}

/** Before the first block. */
export const createBlockTests = (hasPromotion: boolean): BlockTests => ({
  blocks: 0,
  n0: 0,
  s0: 0,
  n1: 0,
  s1: 0,
  regression: createEProcess(),
  ...(hasPromotion ? { promotion: createEProcess() } : {}),
  harm: createHarmBound(),
});

/** A copy that shares nothing. */
export const copyBlockTests = (tests: BlockTests): BlockTests => ({
  ...tests,
  regression: copyEProcess(tests.regression),
  ...(tests.promotion === undefined ? {} : { promotion: copyEProcess(tests.promotion) }),
  harm: copyHarmBound(tests.harm),
});

/** Adds a closed block: `d` is the mean x of the candidate minus that of stable, in [-1, 1]. In place. */
export const scoreBlock = (tests: BlockTests, margins: BlockMargins, d: number): void => {
  const { margin, promoteMargin } = margins;
  tests.blocks += 1;
  updateEProcess(tests.regression, -(d + margin) / (1 + margin));
  if (tests.promotion !== undefined && promoteMargin !== undefined) {
    updateEProcess(tests.promotion, (d + promoteMargin) / (1 + promoteMargin));
  }
  updateHarmBound(tests.harm, d, margins.lnHarmAlpha);
};

/** Those of two replicas: the S vectors add. */
export const mergeBlockTests = (a: BlockTests, b: BlockTests): BlockTests => ({
  blocks: a.blocks + b.blocks,
  n0: a.n0 + b.n0,
  s0: a.s0 + b.s0,
  n1: a.n1 + b.n1,
  s1: a.s1 + b.s1,
  regression: mergeEProcesses(a.regression, b.regression),
  ...(a.promotion === undefined || b.promotion === undefined
    ? {}
    : { promotion: mergeEProcesses(a.promotion, b.promotion) }),
  harm: mergeHarmBounds(a.harm, b.harm),
});
