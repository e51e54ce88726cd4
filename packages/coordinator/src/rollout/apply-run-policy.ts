import type { RolloutRecord } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/**
 * What is to become of the open runs of a rollout that was rolled back. Idempotent, and called again until it answers true: nothing is left to do.
 * `drain` leaves them be. Throws `unavailable`.
 */
export const applyRunPolicy = async (_engine: Engine, record: RolloutRecord): Promise<boolean> => {
  if (record.runPolicy === 'drain') return true;
  throw new DomainError('unimplemented', 'the run policy is not there yet');
};
