import type { Explanation, RolloutRecord } from '@skein/domain';
import type { ReplayView } from '../rollout/rollout-views.ts';
import type { PairsVerdict } from './compare-pairs.ts';
import { comparePairs } from './compare-pairs.ts';
import type { ReplayDocument } from './replay-document.ts';
import { decidingMetrics } from './tend-replays.ts';

const words = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const rounded = (value: number): string => String(Math.round(value * 1_000) / 1_000);

const decidedOf = ({ status, agentId }: ReplayDocument): string => {
  switch (status) {
    case 'running':
      return `The candidate of ${agentId} is being replayed.`;
    case 'passed':
      return `The candidate of ${agentId} passed its replay.`;
    case 'failed':
      return `The candidate of ${agentId} failed its replay.`;
    case 'inconclusive':
      return `The replay of the candidate of ${agentId} decided nothing.`;
  }
};

const becauseOf = (document: ReplayDocument, verdict: PairsVerdict): string => {
  const pairs = document.pairs ?? [];
  if (document.note !== undefined) return `${document.note[0]?.toUpperCase() ?? ''}${document.note.slice(1)}.`;
  if (document.pairs === undefined) return 'Recorded steps are being picked.';
  if (pairs.length === 0) return 'No recorded step of the agent fits what was asked for.';
  const done = pairs.filter(({ state }) => state === 'done').length;
  const failed = pairs.filter(({ state }) => state === 'failed').length;
  const beside = failed === 0 ? '' : `, ${words(failed, 'record')} could not be replayed`;
  const diverged = pairs.filter(({ divergedCalls = 0 }) => divergedCalls > 0).length;
  const others = diverged === 0 ? '' : `, ${diverged} made calls that are not in the record`;
  const head = `${done} of ${words(pairs.length, 'step')} compared${beside}${others}`;
  const shown = verdict.comparison
    .filter(({ decides, pairs: count }) => decides && count > 0)
    .map(
      ({ metric, meanDifference, eWorse, eNotWorse }) =>
        `${metric} ${meanDifference >= 0 ? '+' : ''}${rounded(meanDifference)} (E ${rounded(eWorse)} worse, ${rounded(eNotWorse)} not worse)`,
    );
  return shown.length === 0
    ? `${head}.`
    : `${head}; mean difference of ${shown.join(', ')}; margin ${document.margin}.`;
};

const nextOf = ({ status, rolloutId }: ReplayDocument): string => {
  const waits = rolloutId !== undefined;
  switch (status) {
    case 'running':
      return waits ? 'The rollout waits for it; nobody meets the candidate before.' : 'It goes on by itself.';
    case 'passed':
      return waits ? 'The rollout that waited for it may begin.' : 'A rollout can be started.';
    case 'failed':
      return waits ? 'The rollout that waited for it is cancelled.' : 'A rollout of this version is not advised.';
    case 'inconclusive':
      return waits
        ? 'The rollout that waited for it is cancelled: what is not clear has not passed. Replay more steps, or other ones.'
        : 'Replay more steps, or other ones.';
  }
};

const explain = (document: ReplayDocument, verdict: PairsVerdict): Explanation => ({
  code: `replay_${document.status}`,
  decided: decidedOf(document),
  because: becauseOf(document, verdict),
  next: nextOf(document),
  data: {
    replayId: document.id,
    agentId: document.agentId,
    candidateVersionId: document.candidateVersionId,
    pairs: document.pairs?.length ?? 0,
    margin: document.margin,
    alpha: document.alpha,
    ...(verdict.breached === undefined ? {} : { breached: verdict.breached }),
  },
});

/** A replay as surfaces show it. */
export const viewReplay = (document: ReplayDocument, record: RolloutRecord | undefined): ReplayView => {
  const { pairs = [], margin, alpha } = document;
  const verdict = comparePairs({ pairs, margin, alpha, deciding: decidingMetrics(document, record) });
  const { finishedAt, rolloutId } = document;
  return {
    id: document.id,
    agentId: document.agentId,
    candidateVersionId: document.candidateVersionId,
    status: document.status,
    mode: document.mode,
    ...(rolloutId === undefined ? {} : { rolloutId }),
    createdAt: new Date(document.createdAt).toISOString(),
    ...(finishedAt === undefined ? {} : { finishedAt: new Date(finishedAt).toISOString() }),
    pairs: pairs.map(({ runId, step, state, values = {}, replayRunId, divergedCalls, reason }) => ({
      runId,
      step,
      state,
      values,
      ...(replayRunId === undefined ? {} : { replayRunId }),
      ...(divergedCalls === undefined ? {} : { divergedCalls }),
      ...(reason === undefined ? {} : { reason }),
    })),
    comparison: verdict.comparison.map(({ decides, ...shown }) => ({ ...shown, decides })),
    explanation: explain(document, verdict),
  };
};
