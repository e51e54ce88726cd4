import type { RunState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** An evaluation run of the purpose `judge` is over, and that is durable: its score is recorded. Cheap, never throws, keeps nothing of `state`. */
export const judgeEnded = (_engine: Engine, _state: RunState): void => {};
