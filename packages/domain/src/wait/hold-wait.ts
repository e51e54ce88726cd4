import type { RunState, StepState } from '../run/run-state.ts';

/*
 * W1 A step, or item, is in `waits` exactly while it has a `wait`, and then its status is `waiting` and it holds neither lease nor call.
 * W2 A run is `waiting` exactly while it has waits, nobody holds a lease or a call, and the planner has nothing to look at.
 */

/** Takes a wait from a step, if it has one. Whatever settles a step does this (W1). */
export const dropWait = (state: RunState, target: StepState): void => {
  if (target.wait === undefined) return;
  delete target.wait;
  state.waits.delete(target.path);
};

/** Keeps `running` and `waiting` apart (W2). Runs without waiting steps are never touched. */
export const refreshWaiting = (state: RunState): void => {
  if (state.status !== 'running' && state.status !== 'waiting') return;
  const waits = state.waits.size > 0 && state.leases === 0 && state.frontier.size === 0;
  state.status = waits ? 'waiting' : 'running';
};
