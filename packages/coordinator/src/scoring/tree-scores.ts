import type { RunId, Score, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Scores of these runs. Throws `unavailable`. */
export const scoresOfRuns = async (
  engine: Engine,
  tenant: TenantId,
  runIds: readonly RunId[],
): Promise<readonly Score[]> => {
  const scores: Score[] = [];
  for (const runId of new Set(runIds)) scores.push(...(await engine.deps.rollouts.listScores(tenant, runId)));
  return scores;
};
