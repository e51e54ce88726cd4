import type { Explanation, RolloutRecord } from '@skein/domain';
import type { ReplayView } from '../rollout/rollout-views.ts';
import type { PairsVerdict, Undecided } from './compare-pairs.ts';
import { defaultMinPairs, judgeReplay } from './judge-replay.ts';
import type { ReplayDocument } from './replay-document.ts';

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
  const why = document.status === verdict.status ? whyText(document, verdict) : '';
  return shown.length === 0
    ? `${head}.${why}`
    : `${head}; mean difference of ${shown.join(', ')}; margin ${document.margin}.${why}`;
};

/** Why the pairs decided nothing. */
const whyText = ({ minPairs = defaultMinPairs }: ReplayDocument, { undecided, finished }: PairsVerdict): string => {
  const texts: { readonly [why in Undecided]: string } = {
    nothing: '',
    worse: ' It is worse by more than the margin, in too few pairs to prove it.',
    same: ' The candidate fails the same way: no pair is better.',
    few: ` Only ${words(finished, 'pair')} of ${minPairs} that are needed, and no proof (E >= 20) of not being worse.`,
  };
  return undecided === undefined ? '' : texts[undecided];
};

const nextOf = (document: ReplayDocument, record: RolloutRecord | undefined): string => {
  const { status, rolloutId, agentId, besideRolloutId } = document;
  const waits = rolloutId !== undefined;
  switch (status) {
    case 'running':
      return waits ? 'The rollout waits for it; nobody meets the candidate before.' : 'It goes on by itself.';
    case 'passed':
      if (besideRolloutId !== undefined)
        return `The rollout that waited for it stays a draft, as ${besideRolloutId} was live: activate it by hand.`;
      return waits ? 'The rollout that waited for it may begin.' : 'A rollout can be started.';
    case 'failed':
      return waits ? 'The rollout that waited for it is cancelled.' : 'A rollout of this version is not advised.';
    case 'inconclusive':
      return record?.status === 'draft'
        ? `The rollout that waited for it stays a draft: start it by hand with \`skein rollout activate ${agentId} --rollout ${rolloutId} --force --reason "…"\`, or cancel it.`
        : 'Replay more steps, or other ones.';
  }
};

const explain = (document: ReplayDocument, verdict: PairsVerdict, record: RolloutRecord | undefined): Explanation => ({
  code: `replay_${document.status}`,
  decided: decidedOf(document),
  because: becauseOf(document, verdict),
  next: nextOf(document, record),
  data: {
    replayId: document.id,
    agentId: document.agentId,
    candidateVersionId: document.candidateVersionId,
    pairs: document.pairs?.length ?? 0,
    margin: document.margin,
    alpha: document.alpha,
    minPairs: document.minPairs ?? defaultMinPairs,
    ...(verdict.breached === undefined ? {} : { breached: verdict.breached }),
  },
});

/** A replay as surfaces show it. */
export const viewReplay = (document: ReplayDocument, record: RolloutRecord | undefined): ReplayView => {
  const { pairs = [] } = document;
  const verdict = judgeReplay(document, pairs, record);
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
    explanation: explain(document, verdict, record),
  };
};
