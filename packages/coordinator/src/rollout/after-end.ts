import type { RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { Looked } from './look-at-rollout.ts';

/** What the end of a rollout leaves to do. */
export const afterEnd = async (_engine: Engine, _record: RolloutRecord): Promise<Looked> => ({ outcome: 'idle' });
