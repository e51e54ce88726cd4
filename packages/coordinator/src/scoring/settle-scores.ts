import type { RolloutRecord } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/**
 * Catches up with a rollout: measures open units whose run is over, starts judges that are to start, and writes `null` for values whose deadline
 * passed. Answers how many values are new. Idempotent.
 */
export const settleScores = async (_engine: Engine, _record: RolloutRecord): Promise<{ readonly values: number }> => {
  throw new DomainError('unimplemented', 'scores are not settled yet');
};
