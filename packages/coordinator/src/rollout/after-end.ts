import type { RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { settleRolloutMemory } from '../memory/settle-rollout-memory.ts';
import type { Looked } from './act-on.ts';
import { actOn } from './act-on.ts';
import { applyRunPolicy } from './apply-run-policy.ts';

/**
 * What the end of a rollout leaves to do: the winner's memory becomes the agent's, and open runs of a candidate that was taken back are migrated or
 * aborted, again after a crash, until none is left; then the record says that it is done. Throws `unavailable`.
 */
export const afterEnd = async (engine: Engine, record: RolloutRecord): Promise<Looked> => {
  await settleRolloutMemory(engine, record);
  if (record.policyPending !== true) return { outcome: 'idle' };
  if (!(await applyRunPolicy(engine, record))) return { outcome: 'idle' };
  return actOn(engine, record, { type: 'policy_done' });
};
