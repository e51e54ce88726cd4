import type { RunState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** A root run is over, and that is durable: its tree will be measured. Cheap, never throws, keeps nothing of `state`. */
export const onRootEnded = (_engine: Engine, _state: RunState): void => {};
