import { advanceEvidence, createEvidence, newRollout } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { assertRollouts } from './assert-rollouts.ts';
import type { RolloutHistory } from './rollout-history.ts';

describe('the oracle of evidence', () => {
  const begun = newRollout({
    tenant: 'default',
    id: 'rol_1',
    agentId: 'scout',
    type: 'canary',
    stableVersionId: 'good',
    candidateVersionId: 'bad',
    weight: 0.5,
    salt: 'salt',
    by: { actor: 'ann' },
    at: 0,
    memoryRevision: 0,
  });
  const units = Array.from({ length: 40 }, (_, index) => {
    const failed = index % 2;
    const values = { error: failed, run_failed: failed, run_partial: 0 };
    return {
      seq: index + 1,
      unit: `unit ${index}`,
      arm: index % 2,
      epoch: 1,
      at: index,
      runId: `run_${index}`,
      state: 'ended' as const,
      endedAt: index + 1,
      values,
    };
  });
  const all = advanceEvidence(begun.record, createEvidence(begun.record), units, () => true);
  const historyWith = (evidence: typeof all): RolloutHistory => ({
    commits: [{ order: 1, kind: 'written', ...begun }],
    rollouts: [{ record: begun.record, units, evidence }],
    events: [],
    received: {},
    runs: [],
    played: [],
    sampler: () => true,
  });
  const problemsOf = (evidence: typeof all): readonly string[] => {
    const problems: string[] = [];
    assertRollouts(historyWith(evidence), (problem) => problems.push(problem));
    return problems.filter((problem) => problem.includes('is not that of its rows'));
  };

  test('says nothing of evidence that is that of its rows, of all or of the first of them', () => {
    expect(problemsOf(all)).toEqual([]);
    const some = advanceEvidence(begun.record, createEvidence(begun.record), units.slice(0, 17), () => true);
    expect(problemsOf(some)).toEqual([]);
  });

  test('sees evidence that forgot, and evidence that counted a row twice', () => {
    expect(problemsOf({ ...createEvidence(begun.record), settledSeq: all.settledSeq })).toHaveLength(1);
    const again = units.map((one) => ({ ...one, seq: one.seq + 40 }));
    const twice = advanceEvidence(begun.record, all, again, () => true);
    expect(problemsOf({ ...twice, settledSeq: all.settledSeq })).toHaveLength(1);
  });
});
