import type { MeasuredStep, TenantId, TreeFold } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';

/**
 * Keeps a score under the version that the run's decision recorded; the second of its kind changes nothing. A score that cannot be kept is said and
 * left out: what is evidence does not depend on it. Never throws.
 */
export const keepScore = async (
  engine: Engine,
  tenant: TenantId,
  tree: TreeFold,
  agentId: string,
  scorer: string,
  step: Pick<MeasuredStep, 'runId' | 'step'> | undefined,
  value: number,
): Promise<void> => {
  const versionId = tree.decisions[agentId]?.versionId;
  const runId = step?.runId ?? tree.runs[0]?.runId;
  if (versionId === undefined || runId === undefined) return;
  const at = engine.deps.clock.now();
  const score = { runId, agentId, versionId, scorer, step: step?.step ?? '', value, by: 'expression', at };
  try {
    if (await engine.deps.rollouts.recordScore(tenant, score))
      engine.deps.meter.count(metric.scoresRecorded, 1, { scorer: 'expression' });
  } catch (error) {
    engine.deps.log.warn('a score could not be kept', { runId, scorer, step: score.step, error });
  }
};
