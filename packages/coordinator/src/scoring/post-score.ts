import type { RunId, Score, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { By, PostScore } from '../rollout/rollout-api.ts';

/** Keeps a score that came from outside: see `Rollouts.postScore`. */
export const postScore = async (
  _engine: Engine,
  _tenant: TenantId,
  _runId: RunId,
  _score: PostScore,
  _by: By,
): Promise<{ readonly score: Score; readonly recorded: boolean; readonly counted: boolean }> => {
  throw new DomainError('unimplemented', 'scores are not taken yet');
};
