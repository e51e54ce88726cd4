import type { RolloutId, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { ShadowResults } from '../rollout/rollout-views.ts';
import type { PairValue } from './replay-document.ts';

/** How one metric of the candidate's shadows compares with the live steps that they shadowed, in x. */
export interface ShadowMetric {
  readonly count: number;
  readonly live: number;
  readonly shadow: number;
  /** Mean of shadow minus live, and the sum of squared deviations from it (Welford). */
  readonly meanDifference: number;
  readonly m2: number;
}

/** What the shadows of one rollout showed. It is shown beside the evidence and is no part of it. */
export interface ShadowSummary {
  readonly format: 1;
  readonly rolloutId: RolloutId;
  readonly agentId: string;
  readonly shadows: number;
  /** Could not be made of their record, or did not end. */
  readonly failed: number;
  /** Left out because enough others were open. */
  readonly skipped: number;
  readonly divergedCalls: number;
  readonly metrics: { readonly [metric: string]: ShadowMetric };
}

const idOf = (rolloutId: RolloutId): string => `shd_${rolloutId}`;
const maxTries = 20;

const parse = (rolloutId: RolloutId, body: string): ShadowSummary => {
  const summary = JSON.parse(body) as ShadowSummary;
  if (summary.format === 1 && summary.rolloutId === rolloutId) return summary;
  throw new DomainError('data_corrupt', `the shadows of the rollout ${rolloutId} cannot be read`, { rolloutId });
};

/** Undefined before the first shadow. Throws `unavailable`. */
const readShadows = async (
  engine: Engine,
  tenant: TenantId,
  rolloutId: RolloutId,
): Promise<ShadowSummary | undefined> => {
  const found = await engine.deps.rollouts.findReplay(tenant, idOf(rolloutId));
  return found === undefined ? undefined : parse(rolloutId, found.body);
};

/** The summary as it is shown; undefined before the first shadow. Throws `unavailable`. */
export const shadowResults = async (
  engine: Engine,
  tenant: TenantId,
  rolloutId: RolloutId,
): Promise<ShadowResults | undefined> => {
  const summary = await readShadows(engine, tenant, rolloutId);
  if (summary === undefined) return undefined;
  const { shadows, failed, skipped, divergedCalls, metrics } = summary;
  return {
    shadows,
    failed,
    skipped,
    divergedCalls,
    metrics: Object.entries(metrics).map(([metric, { m2, ...numbers }]) => ({
      metric,
      ...numbers,
      sd: numbers.count < 2 ? 0 : Math.sqrt(m2 / (numbers.count - 1)),
    })),
  };
};

/** Adds one pair. */
const addShadowValue = (before: ShadowMetric | undefined, value: PairValue): ShadowMetric => {
  const count = (before?.count ?? 0) + 1;
  const mean = (was: number | undefined, x: number): number => (was ?? 0) + (x - (was ?? 0)) / count;
  const d = value.replayed - value.recorded;
  const delta = d - (before?.meanDifference ?? 0);
  const meanDifference = mean(before?.meanDifference, d);
  return {
    count,
    live: mean(before?.live, value.recorded),
    shadow: mean(before?.shadow, value.replayed),
    meanDifference,
    m2: (before?.m2 ?? 0) + delta * (d - meanDifference),
  };
};

/** What is added to a summary. */
export interface ShadowAddition {
  readonly values?: { readonly [metric: string]: PairValue };
  readonly divergedCalls?: number;
  readonly failed?: number;
  readonly skipped?: number;
}

const added = (summary: ShadowSummary, addition: ShadowAddition): ShadowSummary => {
  const { values, divergedCalls = 0, failed = 0, skipped = 0 } = addition;
  const metrics: { [metric: string]: ShadowMetric } = { ...summary.metrics };
  for (const [metric, value] of Object.entries(values ?? {})) metrics[metric] = addShadowValue(metrics[metric], value);
  return {
    ...summary,
    shadows: summary.shadows + (values === undefined ? 0 : 1),
    failed: summary.failed + failed,
    skipped: summary.skipped + skipped,
    divergedCalls: summary.divergedCalls + divergedCalls,
    metrics,
  };
};

/** Adds to the summary by compare-and-set. Throws `version_conflict` when others never stop writing, and `unavailable`. */
export const addToShadows = async (
  engine: Engine,
  tenant: TenantId,
  rolloutId: RolloutId,
  agentId: string,
  addition: ShadowAddition,
): Promise<void> => {
  const { rollouts, clock } = engine.deps;
  for (let tries = 1; tries <= maxTries; tries += 1) {
    const found = await rollouts.findReplay(tenant, idOf(rolloutId));
    const summary: ShadowSummary =
      found === undefined
        ? { format: 1, rolloutId, agentId, shadows: 0, failed: 0, skipped: 0, divergedCalls: 0, metrics: {} }
        : parse(rolloutId, found.body);
    const written = await rollouts.saveReplay(tenant, {
      id: idOf(rolloutId),
      agentId,
      version: found?.version ?? 0,
      body: JSON.stringify(added(summary, addition)),
      open: false,
      at: clock.now(),
    });
    if (written) return;
  }
  throw new DomainError('version_conflict', 'the shadows of the rollout change too often', { rolloutId });
};
