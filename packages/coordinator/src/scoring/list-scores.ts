import type { RunId, Score, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** All scores of a run, of its whole tree when it is a root. Empty for a run without any; `not_found` for an unknown one. */
export const listScores = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<readonly Score[]> =>
  engine.deps.rollouts.listScores(tenant, runId);
