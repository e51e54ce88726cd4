import { DomainError } from '../errors/domain-error.ts';
import type { StepPath } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { RunState } from '../run/run-state.ts';
import type { ValueRef } from '../run/value-ref.ts';
import type { StepDetail } from './effect-view.ts';

/** The value behind a reference, loaded before; undefined leaves it out. */
export type BodyReader = (ref: ValueRef) => JsonValue | undefined;

/**
 * What the log says of one agent step. `facts` is the whole log of the run from its first fact; with `body` the texts, inputs and outputs
 * are in it. Throws `not_found` when the run has no such step.
 */
export const stepDetailOf = (
  _state: RunState,
  _step: StepPath,
  _facts: readonly RunFact[],
  _body?: BodyReader,
): StepDetail => {
  throw new DomainError('unimplemented', 'step details are not implemented yet');
};
