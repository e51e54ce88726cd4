import type { RunState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** An evaluation run is over, and that is durable: hands it to its purpose. Cheap; never throws. Does nothing for other runs. */
export const onEvaluationEnded = (_engine: Engine, _state: RunState): void => {};
