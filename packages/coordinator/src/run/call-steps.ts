import type { CallState, Dag, RunState, Step, StepPath } from '@skein/domain';
import { findTarget } from '@skein/domain';

/** All steps of a DAG, handlers included. */
export const allSteps = (dag: Dag): readonly Step[] => [...dag.steps, ...Object.values(dag.handlers ?? {})];

const calling = new WeakMap<Dag, boolean>();

/** True when some step of the DAG calls another one. */
export const callsDags = (dag: Dag): boolean => {
  const known = calling.get(dag);
  if (known !== undefined) return known;
  const calls = allSteps(dag).some(({ action }) => action.kind === 'call');
  calling.set(dag, calls);
  return calls;
};

/** A step, or item, whose child run has not returned yet. */
export interface OpenCall {
  readonly step: StepPath;
  readonly attempt: number;
  readonly call: CallState;
}

/** The open call of a step or an item, if it has one. */
export const callAt = (state: RunState, path: StepPath): OpenCall | undefined => {
  const target = findTarget(state, path)?.target;
  return target?.call === undefined ? undefined : { step: target.path, attempt: target.attempt, call: target.call };
};

/** Every open call of a run, of steps, items and handlers. */
export const openCallsOf = (state: RunState): readonly OpenCall[] => {
  const found: OpenCall[] = [];
  if (state.leases === 0) return found;
  for (const step of state.steps.values()) {
    for (const { path, attempt, call } of step.fanout?.states ?? [step]) {
      if (call !== undefined) found.push({ step: path, attempt, call });
    }
  }
  return found;
};
