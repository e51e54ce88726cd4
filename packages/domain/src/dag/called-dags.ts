import { parseReferences } from '../reference/parse-references.ts';
import type { Dag } from './dag.ts';
import type { StepAction } from './step.ts';

type CallAction = Extract<StepAction, { readonly kind: 'call' }>;

/** True when the DAG that a step calls is chosen by a reference, from `choices`. */
export const isChosenCall = (action: CallAction): boolean => parseReferences(action.dag).length > 0;

/** Every name that a call may be of. */
export const calledNamesOf = (action: CallAction): readonly string[] =>
  isChosenCall(action) ? (action.choices ?? []) : [action.dag];

/**
 * Names of what a caller of this DAG gets back: its `outputs`, or, when it declares none, every `output: NAME` of its steps, each once.
 * A fan-out has no stdout to capture.
 */
export const outputNamesOfDag = (dag: Dag): readonly string[] => {
  if (dag.outputs !== undefined) return Object.keys(dag.outputs);
  const names = dag.steps.flatMap(({ output, foreach }) =>
    output === undefined || foreach !== undefined ? [] : [output],
  );
  return [...new Set(names)];
};
