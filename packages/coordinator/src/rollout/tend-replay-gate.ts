import type { RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { Looked } from './look-at-rollout.ts';

/** Lets the replay decide that a draft waits for. */
export const tendReplayGate = async (_engine: Engine, _record: RolloutRecord): Promise<Looked> => ({ outcome: 'idle' });
