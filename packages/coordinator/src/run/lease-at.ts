import type { LeaseState, RunState, StepPath } from '@skein/domain';
import { parseStepPath } from '@skein/domain';

/** The live lease of a step or an item, if it has one. */
export const leaseAt = (state: RunState, path: StepPath): LeaseState | undefined => {
  const plain = state.steps.get(path);
  if (plain !== undefined) return plain.lease;
  const parsed = parseStepPath(path);
  if (parsed?.index === undefined) return undefined;
  return state.steps.get(parsed.stepId)?.fanout?.states[parsed.index]?.lease;
};
