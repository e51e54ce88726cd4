import type { RunState, StepPath } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** A run is over, and that is durable. Cheap; never throws; what it starts is awaited by nobody and done again after a crash. */
export const onRunFinished = (_engine: Engine, _state: RunState): void => {};

/** A step of an agent is settled, and that is durable. Like `onRunFinished`. */
export const onAgentStepFinished = (_engine: Engine, _state: RunState, _step: StepPath): void => {};
