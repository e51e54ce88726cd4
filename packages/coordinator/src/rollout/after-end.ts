import type { RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { settleRolloutMemory } from '../memory/settle-rollout-memory.ts';
import { settleScores } from '../scoring/settle-scores.ts';
import type { Looked } from './act-on.ts';
import { actOn } from './act-on.ts';
import { applyRunPolicy } from './apply-run-policy.ts';

/** Units whose runs go on after the end, or ended where nobody was left to measure them: true while one is not settled. */
const settleRest = async (engine: Engine, record: RolloutRecord): Promise<boolean> => {
  await settleScores(engine, record);
  return engine.scoring.isPending(record);
};

/**
 * What the end of a rollout leaves to do: the winner's memory becomes the agent's, and open runs of a candidate that was taken back are migrated or
 * aborted, again after a crash, until none is left; then the record says that it is done. Units that are still open are measured when their runs
 * end: `held` until then. Throws `unavailable`.
 */
export const afterEnd = async (engine: Engine, record: RolloutRecord): Promise<Looked> => {
  const isPending = await settleRest(engine, record);
  if (record.policyPending !== true) return { outcome: isPending ? 'held' : 'idle' };
  // First the runs: a memory that cannot be settled keeps none on a version that was taken back.
  if (!(await applyRunPolicy(engine, record))) return { outcome: 'idle' };
  await settleRolloutMemory(engine, record);
  return actOn(engine, record, { type: 'policy_done' });
};
