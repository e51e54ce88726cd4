import type { EvidenceSummary, RolloutRecord, Verdict } from '@skein/domain';
import { explainRollout, formatWeight, isLive, totalParts } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { ArmView, RolloutView } from './rollout-views.ts';
import { weighRollout } from './weigh-rollout.ts';

const iso = (at: number): string => new Date(at).toISOString();
const percentOf = (parts: number): number => Math.round((parts / totalParts) * 100);

/** Means of scores by arm, as the tests have them. */
const scoresOf = (evidence: EvidenceSummary | undefined, arm: number): ArmView['scores'] => {
  const scores = new Map<string, { readonly avg: number; readonly count: number }>();
  for (const test of evidence?.tests ?? []) {
    if (!test.metric.startsWith('score:') || (arm !== 0 && test.arm !== arm)) continue;
    const shown =
      arm === 0
        ? { avg: test.stableMean, count: test.stableValues }
        : { avg: test.candidateMean, count: test.candidateValues };
    const scorer = test.metric.slice('score:'.length);
    if (!scores.has(scorer)) scores.set(scorer, shown);
  }
  return Object.fromEntries(scores);
};

const armsOf = async (
  engine: Engine,
  { tenant, agentId, arms }: RolloutRecord,
  evidence: EvidenceSummary | undefined,
): Promise<readonly ArmView[]> =>
  Promise.all(
    arms.map(async ({ versionId, label, parts }, arm) => ({
      versionId,
      alias: (await engine.deps.projects.findVersion(tenant, agentId, versionId))?.alias ?? '',
      label,
      weight: formatWeight(parts),
      parts,
      percent: percentOf(parts),
      units: evidence?.units[arm] ?? 0,
      scores: scoresOf(evidence, arm),
    })),
  );

/** What only some rollouts have. */
const extrasOf = (record: RolloutRecord, evidence: EvidenceSummary | undefined): Partial<RolloutView> => {
  const { eligibility, stepApproved, replayGate, startedAt, winner } = record;
  const { reason } = record.lastActor;
  const candidate = record.type === 'canary' ? record.arms[1] : undefined;
  return {
    ...(candidate === undefined
      ? {}
      : {
          candidateVersionId: candidate.versionId,
          weight: formatWeight(candidate.parts),
          candidateWeight: percentOf(candidate.parts),
        }),
    ...(eligibility === undefined ? {} : { eligibility }),
    ...(stepApproved === undefined ? {} : { stepApproved: { by: stepApproved.by, at: iso(stepApproved.at) } }),
    ...(replayGate === undefined ? {} : { replay: replayGate }),
    ...(startedAt === undefined ? {} : { startedAt: iso(startedAt) }),
    ...(reason === undefined ? {} : { reason }),
    ...(winner === undefined ? {} : { winner: record.arms[winner]?.label ?? '' }),
    ...(evidence === undefined ? {} : { evidence }),
  };
};

/** A record with the evidence as it is now for a live one, and as it was at the end for another. Throws `unavailable`. */
export const viewRollout = async (engine: Engine, record: RolloutRecord): Promise<RolloutView> => {
  const weighed = isLive(record.status) ? (await weighRollout(engine, record)).verdict : undefined;
  return viewWith(engine, record, weighed);
};

/** The same, with a verdict that is there already. */
export const viewWith = async (
  engine: Engine,
  record: RolloutRecord,
  verdict: Pick<Verdict, 'summary' | 'waitingFor'> | undefined,
): Promise<RolloutView> => {
  const evidence = verdict?.summary ?? record.evidence;
  return {
    id: record.id,
    agentId: record.agentId,
    type: record.type,
    status: record.status,
    statusReason: record.statusReason,
    stableVersionId: record.stableVersionId,
    arms: await armsOf(engine, record, evidence),
    allocations: record.arms.map(({ versionId, parts, label }) => ({ versionId, weight: percentOf(parts), label })),
    routingKeys: record.routingKeys,
    routingKey: record.routingKeys[0] ?? '',
    steps: record.steps.map(({ parts, ...step }) => ({ weight: formatWeight(parts), ...step })),
    stepIndex: record.stepIndex,
    stepStartedAt: iso(record.stepStartedAt),
    rules: record.rules,
    scorers: record.scorers,
    alpha: record.alpha,
    alphaSpent: record.alphaSpent,
    promoteAlpha: record.promoteAlpha,
    runPolicy: record.runPolicy,
    onNoData: record.onNoData,
    onMissing: record.onMissing,
    valueDeadlineMs: record.valueDeadlineMs,
    runDeadlineMs: record.runDeadlineMs,
    horizonAt: iso(record.horizonAt),
    forced: record.forced,
    memory: record.memory,
    shadow: String(record.shadow),
    revision: record.revision,
    epoch: record.epoch,
    createdBy: record.createdBy,
    createdAt: iso(record.createdAt),
    updatedAt: iso(record.updatedAt),
    completedAt: record.completedAt === undefined ? null : iso(record.completedAt),
    ...extrasOf(record, evidence),
    explanation: explainRollout(record, evidence, verdict?.waitingFor, engine.deps.clock.now()),
    waitingFor: (verdict?.waitingFor ?? []).map(({ code, message, until }) => ({
      code,
      message,
      ...(until === undefined ? {} : { until: iso(until) }),
    })),
  };
};
