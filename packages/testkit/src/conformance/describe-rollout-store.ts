import { describeRolloutActivation } from './describe-rollout-activation.ts';
import { describeRolloutNotes } from './describe-rollout-notes.ts';
import { describeRolloutRecords } from './describe-rollout-records.ts';
import { describeRolloutUnits } from './describe-rollout-units.ts';
import type { MakeHarness } from './store-harness.ts';

/** Conformance of a `RolloutStore`, and of what the stores of runs and of projects do to rollouts. */
export const describeRolloutStore = (name: string, make: MakeHarness): void => {
  describeRolloutRecords(name, make);
  describeRolloutActivation(name, make);
  describeRolloutUnits(name, make);
  describeRolloutNotes(name, make);
};
