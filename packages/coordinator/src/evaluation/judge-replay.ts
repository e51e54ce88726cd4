import type { RolloutRecord } from '@skein/domain';
import type { PairsVerdict } from './compare-pairs.ts';
import { comparePairs } from './compare-pairs.ts';
import type { ReplayDocument, ReplayPair } from './replay-document.ts';

/** Pairs that must have been compared before means alone may pass a candidate. */
export const defaultMinPairs = 5;

/** Metrics that decide: errors and scores, and what the rollout that waits for it has a rule for. */
const decidingMetrics = (document: ReplayDocument, record: RolloutRecord | undefined): readonly string[] => {
  const scores = document.scorers.filter(({ kind }) => kind !== 'posted').map(({ id }) => `score:${id}`);
  const ruled = (record?.rules ?? [])
    .filter(({ action, kind }) => action !== 'notify' && kind === 'regression')
    .map(({ metric }): string => metric)
    .filter((metric) => metric === 'tokens' || metric === 'latency' || metric === 'costUsd');
  return [...new Set(['error', ...scores, ...ruled])];
};

/**
 * What the pairs of a replay say. Of steps that went badly the question is whether the candidate is better: to fail the same way again is no
 * reason to trust it. `record`: the draft that waits for it.
 */
export const judgeReplay = (
  document: ReplayDocument,
  pairs: readonly ReplayPair[],
  record: RolloutRecord | undefined,
): PairsVerdict =>
  comparePairs({
    pairs,
    margin: document.margin,
    alpha: document.alpha,
    deciding: decidingMetrics(document, record),
    minPairs: document.minPairs ?? defaultMinPairs,
    asks: document.runs.kind === 'sample' ? 'not_worse' : 'better',
  });
